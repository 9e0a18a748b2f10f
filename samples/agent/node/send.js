// Sends messages with the unmodified SDK. The key of the device is in the TPM; the agent gives the tokens.
//
//   npm install --ignore-scripts azure-iot-device azure-iot-device-mqtt
//   node send.js
'use strict';
const http = require('node:http');
const { Client, Message } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');

const socketPath = process.env.HOMEPORT_AGENT_SOCKET ?? '/run/homeport/agent.sock';
const count = Number(process.argv[2] ?? 3);

function askAgent(path) {
  return new Promise((resolve, reject) => {
    http.get({ socketPath, path, headers: { host: 'localhost' } }, (answer) => {
      let text = '';
      answer.on('data', (part) => { text += part; });
      answer.on('end', () => {
        const body = JSON.parse(text);
        if (answer.statusCode === 200) resolve(body);
        else reject(new Error(body.message));
      });
    }).on('error', reject);
  });
}

async function main() {
  const first = await askAgent('/token');
  const client = Client.fromSharedAccessSignature(first.token, Mqtt);
  await client.open();

  // A new token before the old one ends keeps the connection.
  let renewal;
  const renewAfter = (token) => {
    renewal = setTimeout(async () => {
      const next = await askAgent('/token?fresh=true');
      await client.updateSharedAccessSignature(next.token);
      renewAfter(next);
    }, (token.expiry - Date.now() / 1000) * 0.8 * 1000);
  };
  renewAfter(first);

  for (let number = 1; number <= count; number++) {
    await client.sendEvent(new Message(JSON.stringify({ from: 'node', number })));
    console.log(`${first.deviceId}: sent ${number}`);
  }

  if (process.argv.includes('--renew-now')) {
    await client.updateSharedAccessSignature((await askAgent('/token?fresh=true')).token);
    await client.sendEvent(new Message(JSON.stringify({ from: 'node', number: 'after renewal' })));
    console.log(`${first.deviceId}: sent after renewal`);
  }

  clearTimeout(renewal);
  await client.close();
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
