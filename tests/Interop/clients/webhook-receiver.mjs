// A receiver of webhooks over HTTPS: { port, cert, key, secret, file, refuse, delay, plain }. Standard Webhooks' own library checks the signature, the CloudEvents SDK
// reads the events. Each event is a line of the file before the answer goes; a request with an event of which the body is "refuse" is answered with 400. The
// answer comes after "delay" milliseconds. With "plain" each request is one message of JSON, and its address and headers are kept too.
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { HTTP } from 'cloudevents';
import { Webhook } from 'standardwebhooks';
import { report, run } from './scenario.mjs';

function take({ secret, file, refuse, plain }, { headers, url }, body) {
  if (plain) {
    appendFileSync(file, JSON.stringify({ event: JSON.parse(body), url, headers }) + '\n');
    return 200;
  }
  if (secret) new Webhook(secret).verify(body, headers);
  const isGrid = headers['aeg-event-type'] === 'Notification';
  const events = isGrid ? JSON.parse(body) : [HTTP.toEvent({ headers, body })].flat();
  if (!isGrid) events.forEach((event) => event.validate());
  if (refuse && events.some((event) => event.data.body === refuse)) return 400;
  appendFileSync(file, events.map((event) => JSON.stringify({ event, authorization: headers.authorization ?? null }) + '\n').join(''));
  return 200;
}

run(async (args) => {
  const server = createServer({ cert: readFileSync(args.cert), key: readFileSync(args.key) }, (request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      let status = 500;
      try {
        status = take(args, request, Buffer.concat(chunks).toString());
      } catch (error) {
        report({ event: 'failed', message: String(error?.stack ?? error) });
      }
      setTimeout(() => response.writeHead(status).end(), args.delay ?? 0);
    });
  });
  server.listen(args.port, '127.0.0.1', () => report({ event: 'listening' }));
  await new Promise(() => {});
});
