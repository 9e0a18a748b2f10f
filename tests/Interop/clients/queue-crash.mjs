// A service that sends numbers to devices, and devices that complete them, over AMQP by rhea, until the server dies or standard input ends.
//   { host, port, service: { user, token } | null, first: the first number, devices: [{ id, token }], completed: [[...]] }   completed: numbers of each device whose completion was acknowledged before
// Prints { event: "progress", completed } now and then; the result has, for each device, sent (accepted by the hub), delivered, completed (the hub settled), again (delivered after that).
import rhea from 'rhea';
import { report, run, within } from './scenario.mjs';

const once = (emitter, ...names) => new Promise((resolve) => names.forEach((name) => emitter.once(name, (context) => resolve(context))));

run(async ({ host, port, service, devices, completed, first = 1 }) => {
  const connect = (options = {}) => {
    const connection = rhea.create_container().connect({ host, hostname: host, port, transport: 'tls', servername: host, reconnect: false, ...options });
    for (const name of ['error', 'connection_error', 'session_error', 'sender_error', 'receiver_error']) connection.on(name, () => {});
    return connection;
  };
  const result = devices.map((_, i) => ({ sent: [], delivered: [], completed: [], again: [], done: new Set(completed[i]) }));
  const gone = [];
  let count = 0;

  const receiving = connect();
  gone.push(once(receiving, 'disconnected'));
  await within(20000, 'open', once(receiving, 'connection_open'));
  const answers = receiving.open_receiver({ source: '$cbs', target: 'me' });
  const requests = receiving.open_sender('$cbs');
  await within(20000, 'cbs', once(requests, 'sendable'));
  for (const [i, { id, token }] of devices.entries()) {
    const verdict = once(answers, 'message');
    requests.send({ message_id: id, reply_to: 'me', application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: id }, body: token });
    const code = (await within(20000, 'verdict', verdict)).message.application_properties['status-code'];
    if (code !== 200) throw new Error(`${id}: ${code}`);
    // Settles second: a completion is done when the hub has settled it.
    const receiver = receiving.open_receiver({ source: `/devices/${id}/messages/devicebound`, rcv_settle_mode: 1, autoaccept: false, credit_window: 20 });
    const waiting = new Map();
    receiver.on('message', ({ message, delivery }) => {
      const number = Number(Buffer.from(message.body.content).toString());
      result[i].delivered.push(number);
      if (result[i].done.has(number)) result[i].again.push(number);
      waiting.set(delivery.id, number);
      delivery.accept();
    });
    receiver.on('settled', ({ delivery }) => {
      const number = waiting.get(delivery.id);
      waiting.delete(delivery.id);
      if (number === undefined || delivery.remote_state?.error) return;
      result[i].completed.push(number);
      result[i].done.add(number);
      delivery.update(true);
      if (++count % 50 === 0) report({ event: 'progress', completed: count });
    });
  }

  if (service) {
    const sending = connect({ username: service.user, password: service.token });
    gone.push(once(sending, 'disconnected'));
    await within(20000, 'open', once(sending, 'connection_open'));
    const sender = sending.open_sender('/messages/devicebound');
    let next = first;
    const waiting = new Map();
    const fill = () => {
      while (sender.sendable() && waiting.size < 40) {
        const to = next % devices.length;
        const delivery = sender.send({ message_id: `${next}`, to: `/devices/${devices[to].id}/messages/devicebound`, body: rhea.message.data_section(Buffer.from(`${next}`)) });
        waiting.set(delivery.id, { number: next++, to });
      }
    };
    sender.on('settled', ({ delivery }) => {
      const { number, to } = waiting.get(delivery.id);
      waiting.delete(delivery.id);
      // A full queue takes nothing, and says so.
      if (!delivery.remote_state?.error) result[to].sent.push(number);
      fill();
    });
    sender.on('sendable', fill);
  }
  const stopped = new Promise((resolve) => process.stdin.on('end', resolve).resume());
  await Promise.race([...gone, stopped]);
  return result.map(({ done, ...rest }) => rest);
});
