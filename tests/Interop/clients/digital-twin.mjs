// The digital twin client of the service SDK against a device of the device SDK that announces its model:
//   { service, device: "HostName=…", id, modelId, onLine }; with onLine it reports 'driven' and stays connected until a line comes
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';
import { watchEnabling } from './enabled.mjs';
import { describe, report, run, within } from './scenario.mjs';

// The SDK puts the answer into the result, in a circle.
const plain = ({ _response, ...members }) => members;

run(async ({ service, device: connectionString, id, modelId, onLine }) => {
  const twins = new iothub.DigitalTwinClient(new iothub.IoTHubTokenCredentials(service));
  const client = device.Client.fromConnectionString(connectionString, mqtt.Mqtt);
  const enabled = watchEnabling(client);
  await client.setOptions({ modelId });
  await within(20000, 'open', client.open());
  client.onDeviceMethod('reboot', (request, response) => response.send(200, { delay: request.payload }, () => {}));
  client.onDeviceMethod('thermostat1*getMaxMinReport', (request, response) => response.send(203, { since: request.payload }, () => {}));
  await within(20000, 'enabling', enabled());
  const twin = await client.getTwin();
  const reported = { serialNumber: 's1', thermostat1: { __t: 'c', maxTemp: 25.3, targetTemperature: { value: 20.4, ac: 200, ad: 'done', av: 1 } } };
  await new Promise((resolve, reject) => twin.properties.reported.update(reported, (error) => (error ? reject(error) : resolve())));

  const before = await twins.getDigitalTwin(id);
  const etag = before._response.headers.get('etag');
  const patch = [{ op: 'add', path: '/targetTemperature', value: 21 }, { op: 'replace', path: '/thermostat1/targetTemperature', value: 22.5 }];
  // Only a callback gets the answer, since it has no body.
  const patched = await new Promise((resolve, reject) => twins.updateDigitalTwin(id, patch, (error, _, response) => (error ? reject(error) : resolve(response))));
  const stale = await twins.updateDigitalTwin(id, [{ op: 'remove', path: '/targetTemperature' }], etag).catch(describe);
  const after = await twins.getDigitalTwin(id);
  const root = await twins.invokeCommand(id, 'reboot', 5, { connectTimeoutInSeconds: 10, responseTimeoutInSeconds: 20 });
  const component = await twins.invokeComponentCommand(id, 'thermostat1', 'getMaxMinReport', '2026-01-01');
  const unknown = await twins.getDigitalTwin('no-such-twin').catch(describe);
  if (onLine) {
    report({ event: 'driven' });
    await within(120000, 'a line', new Promise((resolve) => { process.stdin.once('data', resolve); }));
  }
  await client.close();
  return {
    before: plain(before),
    after: plain(after),
    patched: { status: patched.status, etag: patched.headers.get('etag'), location: patched.headers.get('location') },
    stale,
    root: { body: root.body ?? plain(root), status: root._response.headers.get('x-ms-command-statuscode') },
    component: { body: component.body ?? plain(component), status: component._response.headers.get('x-ms-command-statuscode') },
    unknown,
  };
});
