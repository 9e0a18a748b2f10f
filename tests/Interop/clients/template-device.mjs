// A device that names its model when it connects: sends telemetry of itself and of a component, takes writable properties and acknowledges
// them, answers commands; reports "connected", "desired" and "command" as they happen.
//   { connectionString, modelId, seconds }
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import { report, run, sleep } from './scenario.mjs';

run(async ({ connectionString, modelId, seconds }) => {
  const client = device.Client.fromConnectionString(connectionString, mqtt.Mqtt);
  await client.setOptions({ modelId });
  await client.open();
  const answer = (request, response) => {
    report({ event: 'command', name: request.methodName, payload: request.payload });
    response.send(200, { ran: request.methodName, got: request.payload }, () => {});
  };
  client.onDeviceMethod('start', answer);
  client.onDeviceMethod('motor*brake', answer);
  const twin = await client.getTwin();
  const tell = (properties) => new Promise((resolve, reject) => twin.properties.reported.update(properties, (error) => (error ? reject(error) : resolve())));
  await tell({ serial: 's-4711' });
  twin.on('properties.desired', async (change) => {
    const version = change.$version;
    if (change.speed !== undefined) {
      report({ event: 'desired', change });
      await tell({ speed: { value: change.speed, ac: 200, av: version, ad: 'set' } });
    }
    if (change.motor?.limit !== undefined) await tell({ motor: { __t: 'c', limit: { value: change.motor.limit, ac: 200, av: version } } });
  });
  report({ event: 'connected' });
  for (let number = 0; number < seconds * 3; number++) {
    for (const [component, body] of [[null, { pressure: 2 + Math.sin(number / 5) }], ['motor', { heat: 60 + number / 10 }]]) {
      const message = new device.Message(JSON.stringify(body));
      message.contentType = 'application/json';
      message.contentEncoding = 'utf-8';
      if (component) message.properties.add('$.sub', component);
      await client.sendEvent(message);
    }
    await sleep(333);
  }
  await client.close();
});
