// A device for somebody who watches it: sends a message three times a second, answers the method "open" with its payload, and reports
// "connected" and "desired" as they happen.
//   { connectionString, seconds }
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import { report, run, sleep } from './scenario.mjs';

run(async ({ connectionString, seconds }) => {
  const client = device.Client.fromConnectionString(connectionString, mqtt.Mqtt);
  await client.open();
  client.onDeviceMethod('open', (request, response) => response.send(200, request.payload, () => {}));
  const twin = await client.getTwin();
  twin.on('properties.desired', (change) => { if (change.interval) report({ event: 'desired', change }); });
  report({ event: 'connected' });
  for (let number = 0; number < seconds * 3; number++) {
    const message = new device.Message(JSON.stringify({ pressure: 2.5 + number / 100 }));
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add('unit', 'bar');
    await client.sendEvent(message);
    await sleep(333);
  }
  await client.close();
});
