// A device on the level of AMQP, by rhea: what the SDKs never send, or hide.
//   { host, port, device, token, model, actions: [...] }   model: what the link of telemetry announces, if anything
// Actions: { send: { body, as, properties } } sends one message and gives its outcome; "as" is how the body is made: "data", "sections" (each character a data section), "text",
//   "number" (amqp-value), "sequence", "batch" (each character a message of the batch), "batch in pieces" (the same, each message with two data sections), "empty batch";
//   { flood: n } sends n messages as fast as there is credit and counts their outcomes;
//   { fault: "KillAmqpD2CLink", attach: ["c2d", "twin", "methods"], until } has links attached, orders the fault, waits until what is named ended, and tells all that did.
import rhea from 'rhea';
import { run, within } from './scenario.mjs';

const once = (emitter, ...names) => new Promise((resolve) => names.forEach((name) => emitter.once(name, (context) => resolve({ name, context }))));
const data = (text) => rhea.message.data_section(Buffer.from(text));
const bodies = {
  data: (text) => ({ body: data(text) }),
  sections: (text) => ({ body: rhea.message.data_sections([...text].map((c) => Buffer.from(c))) }),
  text: (text) => ({ body: text }),
  number: () => ({ body: 42 }),
  sequence: (text) => ({ body: rhea.message.sequence_section([...text]) }),
};
const batch = (messages) => ({ message: rhea.message.encode({ body: rhea.message.data_sections(messages.map((m) => rhea.message.encode(m))) }), format: 0x80013700 });
const batches = {
  batch: (text) => batch([...text].map((c) => bodies.data(c))),
  'batch in pieces': (text) => batch([...text].map((c) => bodies.sections(c + c))),
  'empty batch': () => ({ message: rhea.message.encode({ application_properties: { a: 'b' }, body: 'no section of data' }), format: 0x80013700 }),
};

run(async ({ host, port, device, token, model, actions }) => {
  const connection = rhea.create_container().connect({ host, hostname: host, port, transport: 'tls', servername: host, reconnect: false });
  const ended = [];
  const note = (what) => (context) => ended.push(`${what} ${(context.sender ?? context.receiver)?.error?.condition ?? context.session?.error?.condition ?? context.connection?.error?.condition ?? ''}`.trim());
  connection.on('connection_close', note('connection'));
  connection.on('connection_error', () => {});
  connection.on('session_close', note('session'));
  connection.on('session_error', () => {});
  connection.on('disconnected', () => ended.push('disconnected'));
  connection.on('error', () => {});
  await within(20000, 'open', once(connection, 'connection_open'));
  const answers = connection.open_receiver({ source: '$cbs', target: 'me' });
  const requests = connection.open_sender('$cbs');
  await within(20000, 'cbs', once(requests, 'sendable'));
  const verdict = once(answers, 'message');
  requests.send({ message_id: '1', reply_to: 'me', application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: `${host}/devices/${device}` }, body: token });
  const code = (await within(20000, 'verdict', verdict)).context.message.application_properties['status-code'];
  if (code !== 200) return { code };

  const watch = (link, name) => {
    link.on(link.is_sender() ? 'sender_error' : 'receiver_error', () => {});
    link.on(link.is_sender() ? 'sender_close' : 'receiver_close', note(name));
    return link;
  };
  watch(answers, 'cbs answers');
  watch(requests, 'cbs requests');
  const announced = model ? { properties: { 'com.microsoft:model-id': model } } : {};
  const telemetry = watch(connection.open_sender({ target: `/devices/${device}/messages/events`, ...announced }), 'telemetry');
  await within(20000, 'credit', once(telemetry, 'sendable'));

  const outcomeOf = (delivery) => new Promise((resolve) => {
    const settled = ({ delivery: one }) => {
      if (one !== delivery) return;
      telemetry.removeListener('settled', settled);
      const error = one.remote_state?.error;
      resolve(error ? { outcome: 'rejected', condition: error.condition, text: error.description } : { outcome: 'accepted' });
    };
    telemetry.on('settled', settled);
  });

  function encode({ body = '', as = 'data', properties }) {
    if (batches[as]) return batches[as](body);
    return { message: { ...bodies[as](body), ...(properties ? { application_properties: properties } : {}) } };
  }

  async function send(what) {
    const { message, format } = encode(what);
    return within(30000, 'outcome', outcomeOf(telemetry.send(message, undefined, format)));
  }

  async function flood(count) {
    const counts = {};
    let sent = 0;
    let done = 0;
    const started = Date.now();
    await within(100000, 'flood', new Promise((resolve) => {
      const fill = () => { while (sent < count && telemetry.sendable()) { sent++; telemetry.send({ body: data(`${sent}`) }); } };
      telemetry.on('settled', ({ delivery }) => {
        const name = delivery.remote_state?.error?.condition ?? 'accepted';
        counts[name] = (counts[name] ?? 0) + 1;
        if (++done === count) resolve();
      });
      telemetry.on('sendable', fill);
      fill();
    }));
    return { counts, seconds: (Date.now() - started) / 1000 };
  }

  async function fault(type, attach, until) {
    const address = `/devices/${device}`;
    if (attach.includes('c2d')) watch(connection.open_receiver({ source: `${address}/messages/deviceBound` }), 'c2d');
    for (const [name, path] of [['twin', 'twin'], ['methods', 'methods/deviceBound']]) {
      if (!attach.includes(name)) continue;
      const properties = { 'com.microsoft:channel-correlation-id': `${name}:1` };
      watch(connection.open_sender({ target: `${address}/${path}`, properties }), `${name} requests of the device`);
      watch(connection.open_receiver({ source: `${address}/${path}`, properties }), `${name} to the device`);
    }
    // All links are there when the last one is; a message by the link of telemetry goes behind them.
    await send({ body: 'before' });
    telemetry.send({ body: data('order'), application_properties: { AzIoTHub_FaultOperationType: type, AzIoTHub_FaultOperationCloseReason: 'boom', AzIoTHub_FaultOperationDelayInSecs: '0' } });
    await within(60000, until, (async () => { while (!ended.includes(until)) await new Promise((resolve) => setTimeout(resolve, 20)); })()).catch(() => {});
    return [...ended];
  }

  const results = [];
  for (const action of actions) {
    if (action.send) results.push(await send(action.send));
    else if (action.flood) results.push(await flood(action.flood));
    else results.push(await fault(action.fault, action.attach, action.until));
  }
  connection.close();
  return { code, results };
});
