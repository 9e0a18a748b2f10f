// Takes messages of a queue with rhea: { host, port, ca, userName, password, address, count, last }, until there are so many, or one with this body. A queue of RabbitMQ's 1.0 plugin is made by its address.
import { readFileSync } from 'node:fs';
import rhea from 'rhea';
import { report, run, within } from './scenario.mjs';

run(async ({ host, port, ca, userName, password, address, count, last }) => {
  const container = rhea.create_container();
  const received = [];
  const done = new Promise((resolve, reject) => {
    container.on('receiver_open', () => report({ event: 'open' }));
    container.on('message', ({ message }) => {
      received.push({
        body: message.body.content.toString(),
        properties: message.application_properties ?? {},
        id: message.message_id,
        contentType: message.content_type ?? null,
        group: message.group_id ?? null,
        durable: message.durable ?? false,
      });
      if ((last ?? null) === null ? received.length === count : received.at(-1).body === last) resolve();
    });
    container.on('disconnected', ({ error }) => reject(error ?? new Error('disconnected')));
    container.on('connection_error', ({ connection }) => reject(connection.error));
    container.on('receiver_error', ({ receiver }) => reject(receiver.error));
  });
  const connection = container.connect({ host, port, transport: 'tls', servername: '', ca: [readFileSync(ca)], username: userName, password, reconnect: false });
  connection.open_receiver({ source: { address, durable: 2, expiry_policy: 'never' }, credit_window: 100 });
  if (count > 0) await within(120000, `${count} messages`, done);
  else await new Promise((resolve) => { container.once('receiver_open', resolve); });
  connection.close();
  return received;
});
