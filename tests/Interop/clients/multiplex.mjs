// Several devices on one AMQP connection, by rhea: a token for each to $cbs, a link for each, one message each; then a batch of the first.
//   { host, devices: [{ id, token }] }
import rhea from 'rhea';
import { run, within } from './scenario.mjs';

const once = (emitter, ...names) => new Promise((resolve) => names.forEach((name) => emitter.once(name, (context) => resolve({ name, context }))));

run(async ({ host, devices }) => {
  const connection = rhea.create_container().connect({ host, hostname: host, port: 5671, transport: 'tls', servername: host, reconnect: false });
  connection.on('error', () => {});
  await within(10000, 'open', once(connection, 'connection_open'));
  const requests = connection.open_sender('$cbs');
  const answers = connection.open_receiver({ source: '$cbs', target: 'me' });
  await within(10000, 'cbs', once(requests, 'sendable'));
  const codes = [];
  for (const { id, token } of devices) {
    const answer = once(answers, 'message');
    requests.send({ message_id: id, reply_to: 'me', application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: `${host}/devices/${id}` }, body: token });
    const { message } = (await within(10000, 'verdict', answer)).context;
    if (message.correlation_id !== id) throw new Error(`the verdict is for ${message.correlation_id}`);
    codes.push(message.application_properties['status-code']);
  }
  const send = async (sender, message, format) => {
    if (!sender.sendable()) {
      const first = await within(10000, 'credit', once(sender, 'sendable', 'sender_error'));
      if (first.name === 'sender_error') return sender.error.condition;
    }
    const outcome = once(sender, 'accepted', 'rejected', 'released');
    sender.send(message, undefined, format);
    return (await within(10000, 'outcome', outcome)).name;
  };
  const senders = devices.map(({ id }) => {
    const sender = connection.open_sender({ target: `/devices/${id}/messages/events` });
    sender.on('sender_error', () => {});
    return sender;
  });
  const sent = await Promise.all(senders.map((sender, i) => send(sender, { body: rhea.message.data_section(Buffer.from(`from ${devices[i].id}`)) })));
  const inner = ['b1', 'b2'].map((text) => rhea.message.encode({ body: rhea.message.data_section(Buffer.from(text)) }));
  const batch = await send(senders[0], rhea.message.encode({ body: rhea.message.data_sections(inner) }), 0x80013700);
  connection.close();
  return { codes, sent, batch };
});
