// A token service: devices sign in with what an existing identity system knows of them, here a password each, and get a token for the
// hub that is good for them alone. The hub needs no key of the devices; this service needs the key of a policy with DeviceConnect.
//
//   HOMEPORT_CONNECTION_STRING  connection string of the policy 'device' (HostName=...;SharedAccessKeyName=device;SharedAccessKey=...)
//   NODE_EXTRA_CA_CERTS         the server's CA, when it is a private one
//   DEVICES                     file with {"deviceId": "sha256 of the password, hex"}
//   PORT                        port on the loopback address; put a proxy with TLS in front. 0 takes a free one, which is printed.
//
// A device calls POST /token with HTTP basic authentication: its device id and its password.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';

const hub = Object.fromEntries(process.env.HOMEPORT_CONNECTION_STRING.split(';').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
const devices = JSON.parse(readFileSync(process.env.DEVICES, 'utf8'));
const port = Number(process.env.HOMEPORT_PORT ?? 443);

// The existing identity system. Replace this by yours.
function isKnown(deviceId, password) {
  const known = Buffer.from(Object.hasOwn(devices, deviceId) ? devices[deviceId] : ''.padEnd(64, '0'), 'hex');
  return timingSafeEqual(known, createHash('sha256').update(password).digest()) && Object.hasOwn(devices, deviceId);
}

// The service's own token, for its call to the hub.
function serviceToken() {
  const resource = encodeURIComponent(hub.HostName);
  const expiry = Math.floor(Date.now() / 1000) + 300;
  const signature = createHmac('sha256', Buffer.from(hub.SharedAccessKey, 'base64')).update(`${resource}\n${expiry}`).digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${hub.SharedAccessKeyName}`;
}

function askHub(deviceId) {
  const body = JSON.stringify({ expiresInSeconds: 3600 });
  return new Promise((resolve, reject) => {
    const call = request({
      host: hub.HostName, port, method: 'POST', path: `/homeport/v1/devices/${encodeURIComponent(deviceId)}/token`, timeout: 10000,
      headers: { Authorization: serviceToken(), 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
    }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => resolve({ status: answer.statusCode, body: Buffer.concat(parts) }));
    });
    call.on('timeout', () => call.destroy(new Error('the hub does not answer')));
    call.on('error', reject);
    call.end(body);
  });
}

const server = createServer(async (call, answer) => {
  const basic = /^Basic (.+)$/.exec(call.headers.authorization ?? '');
  const [deviceId, password] = basic ? Buffer.from(basic[1], 'base64').toString('utf8').split(/:(.*)/s) : [];
  if (call.method !== 'POST' || call.url !== '/token' || deviceId === undefined || !isKnown(deviceId, password ?? '')) {
    answer.writeHead(401, { 'WWW-Authenticate': 'Basic realm="devices"' }).end();
    return;
  }
  try {
    const given = await askHub(deviceId);
    answer.writeHead(given.status, { 'Content-Type': 'application/json' }).end(given.body);
  } catch (error) {
    answer.writeHead(502).end(error.message);
  }
});
server.listen(Number(process.env.PORT ?? 8081), '127.0.0.1', () => console.log(`token service at http://127.0.0.1:${server.address().port}/token`));
