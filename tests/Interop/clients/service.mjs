// The service client over AMQP: messages to devices, feedback, file notifications.
//   { transport: "amqp" | "amqp-ws", connectionString | token, actions: [...] }
// Actions: { send: { device, body, ack, messageId, ... } }; { feedback: { messages: n, answer: "complete" | "abandon" | "reject" } } reads records until there are n;
//   { files: { count, answer } }; { untilError: ms } waits for the connection to end.
import iothub from 'azure-iothub';
import common from 'azure-iot-common';
import { describe, report, run, within } from './scenario.mjs';

function makeMessage({ body = '', properties = [], device, ...system }) {
  const message = new common.Message(body);
  for (const [name, value] of Object.entries(system)) message[name] = name === 'expiryTimeUtc' ? Date.parse(value) : value;
  for (const [name, value] of properties) message.properties.add(name, value);
  return message;
}

// Reads until there is enough, answering each in the same way.
function receive(receiver, enough, answer, read) {
  const got = [];
  return new Promise((resolve, reject) => {
    const take = (message) => {
      got.push(read(message));
      receiver[answer](message, (error) => {
        if (error) reject(error);
        else if (enough(got)) {
          receiver.removeListener('message', take);
          resolve(got);
        }
      });
    };
    receiver.on('error', reject);
    receiver.on('message', take);
  });
}

// The promise of the SDK gives another object than its callback.
const opened = (open) => within(20000, 'receiver', new Promise((resolve, reject) => open((error, receiver) => (error ? reject(error) : resolve(receiver)))));

run(async (args) => {
  const Transport = args.transport === 'amqp-ws' ? iothub.AmqpWs : iothub.Amqp;
  const client = args.token ? iothub.Client.fromSharedAccessSignature(args.token, Transport) : iothub.Client.fromConnectionString(args.connectionString, Transport);
  client.setRetryPolicy(new common.NoRetry());
  const ended = new Promise((resolve) => client.on('disconnect', resolve));
  try {
    await within(20000, 'open', client.open());
  } catch (error) {
    return { opened: false, error: describe(error) };
  }
  report({ event: 'connected' });
  const results = [];
  for (const action of args.actions) {
    try {
      if (action.send) {
        const message = makeMessage(action.send);
        await within(20000, 'send', client.send(action.send.device, message));
        results.push({ ok: true });
      } else if (action.feedback) {
        const receiver = await opened((done) => client.getFeedbackReceiver(done));
        const batches = await within(30000, 'feedback', receive(receiver, (got) => got.flatMap((b) => b.records).length >= action.feedback.messages, action.feedback.answer ?? 'complete',
          (m) => ({ records: JSON.parse(m.data.toString()), contentType: m.contentType ?? null, userId: m.userId?.toString() ?? null })));
        results.push({ ok: true, batches });
      } else if (action.files) {
        const receiver = await opened((done) => client.getFileNotificationReceiver(done));
        const files = await within(30000, 'files', receive(receiver, (got) => got.length >= action.files.count, action.files.answer ?? 'complete', (m) => JSON.parse(m.data.toString())));
        results.push({ ok: true, files });
      } else if (action.untilError) {
        await within(action.untilError, 'end', ended);
        results.push({ ok: true });
      }
    } catch (error) {
      results.push({ ok: false, error: describe(error) });
    }
  }
  await within(5000, 'close', client.close()).catch(() => {});
  return { opened: true, results };
});
