// One device or module client: connects, does what "actions" says, closes.
//   { transport: "mqtt" | "mqttws" | "amqp" | "amqpws" | "http", connectionString | token | sign: { resource, key, seconds } (a token made here and now), module, modelId, x509: { cert, key }, renewal: { valid, margin }, actions: [...] }
// Actions: { receive: ["complete" | "abandon" | "reject", ...] } answers the next messages so and gives them back as "received";
//   { onMethod: "name", status, payload } answers that method; { twin: true } gets the twin and gives back "desired";
//   { batch: [{...}] }, { send: {...} }, { output, send }, { sleep: ms }, { onLine: true } waits for a line of input, { untilDisconnected: ms }
import device from 'azure-iot-device';
import http from 'azure-iot-device-http';
import amqp from 'azure-iot-device-amqp';
import mqtt from 'azure-iot-device-mqtt';
import common from 'azure-iot-common';
import { watchEnabling } from './enabled.mjs';
import { describe, report, run, sleep, within } from './scenario.mjs';

const transports = { mqtt: mqtt.Mqtt, mqttws: mqtt.MqttWs, amqp: amqp.Amqp, amqpws: amqp.AmqpWs, http: http.Http };

function makeMessage({ body = '', bodyBase64, properties = [], ...system }) {
  const message = new device.Message(bodyBase64 ? Buffer.from(bodyBase64, 'base64') : body);
  for (const [name, value] of Object.entries(system)) if (value !== null) message[name] = name === 'expiryTimeUtc' ? new Date(value) : value;
  for (const [name, value] of properties) message.properties.add(name, value);
  return message;
}

function makeClient(args, events) {
  const Client = args.module ? device.ModuleClient : device.Client;
  const transport = transports[args.transport ?? 'mqtt'];
  if (args.sign) {
    const expiry = Math.floor(Date.now() / 1000) + args.sign.seconds;
    return Client.fromSharedAccessSignature(common.SharedAccessSignature.create(args.sign.resource, null, args.sign.key, expiry).toString(), transport);
  }
  if (args.token) return Client.fromSharedAccessSignature(args.token, transport);
  if (!args.renewal) return Client.fromConnectionString(args.connectionString, transport);
  const provider = device.SharedAccessKeyAuthenticationProvider.fromConnectionString(args.connectionString, args.renewal.valid, args.renewal.margin);
  provider.on('newTokenAvailable', () => events.push({ event: 'newToken' }));
  return Client.fromAuthenticationProvider(provider, transport);
}

// Answers messages as they come, one after the other, until all answers are given.
function receive(client, answers) {
  const rest = [...answers];
  const received = [];
  return new Promise((resolve, reject) => {
    const take = (message) => {
      const answer = rest.shift();
      if (!answer) return;
      const { messageId, correlationId, userId, to, expiryTimeUtc, ack } = message;
      const properties = message.properties.propertyList.map(({ key, value }) => [key, value]);
      client[answer](message, (error) => {
        received.push({ answer, body: message.data.toString(), messageId, correlationId, userId, to, expiryTimeUtc, ack, properties, error: describe(error) });
        if (received.length < answers.length) return;
        client.removeListener('message', take);
        resolve(received);
      });
    };
    client.on('message', take);
    client.on('error', reject);
  });
}

run(async (args) => {
  const events = [];
  const results = [];
  const client = makeClient(args, events);
  const enabled = watchEnabling(client);
  client.setRetryPolicy(new common.NoRetry());
  const disconnected = new Promise((resolve) => {
    client.on('disconnect', (error) => {
      events.push({ event: 'disconnect', error: describe(error), at: Date.now() });
      resolve();
    });
  });
  client.on('error', (error) => events.push({ event: 'error', error: describe(error) }));
  // Over HTTPS the SDK polls, here one message at a time; without this option it does not end the call.
  const polling = args.transport === 'http' ? { http: { receivePolicy: { interval: 1, drain: false } } } : {};
  const model = args.modelId ? { modelId: args.modelId } : {};
  if (args.x509 || args.modelId || args.transport === 'http') await client.setOptions({ ...args.x509, ...model, ...polling });

  try {
    await within(args.openTimeout ?? 20000, 'open', client.open());
  } catch (error) {
    return { opened: false, error: describe(error), events, results };
  }

  report({ event: 'connected' });
  const openedAt = Date.now();
  for (const action of args.actions ?? []) {
    try {
      if (action.send) {
        const message = makeMessage(action.send);
        const sending = action.output ? client.sendOutputEvent(action.output, message) : client.sendEvent(message);
        await within(20000, 'send', sending);
      } else if (action.batch) await within(20000, 'batch', client.sendEventBatch(action.batch.map(makeMessage)));
      else if (action.receive) {
        const received = await within(30000, 'receive', receive(client, action.receive));
        results.push({ ok: true, at: Date.now(), received });
        continue;
      } else if (action.onMethod) {
        client.onDeviceMethod(action.onMethod, (request, response) =>
          response.send(action.status, action.payload ?? { got: request.payload }, (error) => error && events.push({ event: 'method', error: describe(error) })));
        await within(20000, 'enabling', enabled());
      } else if (action.twin) {
        const twin = await within(20000, 'twin', client.getTwin());
        results.push({ ok: true, at: Date.now(), desired: JSON.parse(JSON.stringify(twin.properties.desired)) });
        continue;
      } else if (action.report) report(action.report);
      else if (action.sleep) await sleep(action.sleep);
      else if (action.onLine) await within(120000, 'a line', new Promise((resolve) => { process.stdin.once('data', resolve); }));
      else if (action.untilDisconnected) await within(action.untilDisconnected, 'the disconnection', disconnected);
      results.push({ ok: true, at: Date.now() });
    } catch (error) {
      results.push({ ok: false, error: describe(error), at: Date.now() });
    }
  }

  await within(5000, 'close', client.close()).catch((error) => events.push({ event: 'close failed', error: describe(error) }));
  return { opened: true, openedAt, events, results };
});
