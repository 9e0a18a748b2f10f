// A queue that takes messages over AMQP 1.0 with TLS and a password, as a service bus does, with rhea: { port, cert, key, userName, password, file, address }.
// Each message is a line of the file before it is accepted; other addresses are refused.
import { appendFileSync, readFileSync } from 'node:fs';
import rhea from 'rhea';
import { report, run } from './scenario.mjs';

run(async ({ port, cert, key, userName, password, file, address }) => {
  const container = rhea.create_container({ receiver_options: { autoaccept: false } });
  container.sasl_server_mechanisms.enable_plain((name, secret) => name === userName && secret === password);
  container.on('receiver_open', ({ receiver }) => {
    if (receiver.target.address === address) receiver.set_target({ address });
    else receiver.close({ condition: 'amqp:not-found', description: 'no such queue' });
  });
  container.on('message', ({ message, delivery }) => {
    const { application_properties: properties, message_id: id, content_type: contentType, content_encoding: contentEncoding } = message;
    appendFileSync(file, JSON.stringify({ body: JSON.parse(message.body.content.toString()), id, contentType, contentEncoding, properties }) + '\n');
    delivery.accept();
  });
  container.listen({ port, host: '127.0.0.1', transport: 'tls', cert: readFileSync(cert), key: readFileSync(key) }).on('listening', () => report({ event: 'listening' }));
  await new Promise(() => {});
});
