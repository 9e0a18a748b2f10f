// Calls every public method of the SDKs' clients, and says which of their prototypes' methods nobody called, so that a method that a
// later version brings along is not forgotten. { service, host, devices: { mqtt, mqttws, http: { id, key } }, container }
// Gives { missing: [...], outcomes: { "Registry.create": "ok" or the name of an error } }.
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import common from 'azure-iot-common';
import device from 'azure-iot-device';
import http from 'azure-iot-device-http';
import mqtt from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';
import { watchEnabling } from './enabled.mjs';
import { describe, run, sleep, within } from './scenario.mjs';

const require = createRequire(import.meta.url);
const model = 'dtmi:com:example:Thermostat;1';
const outcomes = {};
const driven = new Map();

// Calls a method and notes what came of it; a failure is an outcome, too. With "done" the method tells by a callback only.
async function drive(name, object, method, ...args) {
  if (!driven.has(name)) driven.set(name, { object, methods: new Set() });
  driven.get(name).methods.add(method);
  const key = `${name}.${method}`;
  try {
    const last = args[args.length - 1];
    const answer = await within(30000, key, last === done
      ? new Promise((resolve, reject) => object[method](...args.slice(0, -1), (error, ...results) => (error ? reject(error) : resolve(results.length > 1 ? results : results[0]))))
      : Promise.resolve(object[method](...args)));
    outcomes[key] ??= 'ok';
    return answer?.responseBody ?? answer?.result ?? answer;
  } catch (error) {
    const { name: kind, header, message } = describe(error);
    outcomes[key] = header ?? (kind === 'Error' ? message : kind);
    return null;
  }
}
const done = Symbol('done');

// The public methods of an object's class and those it extends, up to the event emitter.
function methodsOf(object) {
  const names = new Set();
  for (let p = Object.getPrototypeOf(object); p && p !== Object.prototype && !Object.hasOwn(p, 'emit'); p = Object.getPrototypeOf(p)) {
    for (const name of Object.getOwnPropertyNames(p)) if (name !== 'constructor' && !name.startsWith('_') && typeof p[name] === 'function') names.add(name);
  }
  return names;
}

async function registryMethods(service, id, container) {
  const registry = iothub.Registry.fromConnectionString(service);
  const call = (method, ...args) => drive('Registry', registry, method, ...args);
  const made = await call('create', { deviceId: id, status: 'enabled' });
  await call('update', { ...made, statusReason: 'updated' });
  await call('get', id);
  await call('list');
  const several = [{ deviceId: `${id}-a`, status: 'enabled' }, { deviceId: `${id}-b`, status: 'enabled' }];
  await call('addDevices', several);
  await call('updateDevices', several.map((d) => ({ ...d, status: 'disabled' })), true);
  await call('removeDevices', several, true);
  await call('addModule', { deviceId: id, moduleId: 'm1' });
  await call('getModulesOnDevice', id);
  const module = await call('getModule', id, 'm1');
  await call('updateModule', module);
  const moduleTwin = await call('getModuleTwin', id, 'm1');
  await call('updateModuleTwin', id, 'm1', { tags: { a: 1 } }, moduleTwin.etag);
  const twin = await call('getTwin', id);
  await call('updateTwin', id, { tags: { a: 1 } }, twin.etag);
  await drive('Twin', twin, 'get');
  await drive('Twin', twin, 'update', { tags: { b: 2 } });
  await drive('Twin', twin, 'toJSON');
  await call('getRegistryStatistics');
  const query = await call('createQuery', `SELECT * FROM devices WHERE deviceId = '${id}'`, 10);
  await drive('Query', query, 'next');
  await drive('Query', query, 'nextAsTwin');
  const configuration = { id: `${id}-c`, schemaVersion: '1.0', content: { deviceContent: { 'properties.desired.c': 1 } }, targetCondition: "tags.none = 1", priority: 1 };
  await call('addConfiguration', configuration);
  await call('getConfigurations');
  const read = await call('getConfiguration', configuration.id);
  await call('updateConfiguration', { ...read, priority: 2 }, true);
  await call('applyConfigurationContentOnDevice', id, configuration.content);
  await call('removeConfiguration', configuration.id);
  const ended = async (job) => {
    for (let state = job; ; await sleep(100)) {
      state = await call('getJob', job.jobId);
      if (['completed', 'failed', 'cancelled'].includes(state.status)) return;
    }
  };
  const exported = await call('exportDevicesToBlob', container, false);
  await ended(exported);
  await call('listJobs');
  const imported = await call('importDevicesFromBlob', container, container);
  await call('cancelJob', imported.jobId);
  await ended(imported);
  await call('importDevicesFromBlobByIdentity', container, container);
  await call('exportDevicesToBlobByIdentity', container, false);
  await call('removeModule', id, 'm1');
  await call('delete', id);
}

async function jobMethods(service, id) {
  const jobs = iothub.JobClient.fromConnectionString(service);
  const call = (method, ...args) => drive('JobClient', jobs, method, ...args);
  await call('scheduleTwinUpdate', `${id}-t`, "deviceId = 'none'", { etag: '*', tags: { a: 1 } }, new Date(), 60);
  await call('scheduleDeviceMethod', `${id}-m`, "deviceId = 'none'", { methodName: 'm', payload: null, responseTimeoutInSeconds: 5 }, new Date(Date.now() + 3600000), 60);
  await call('getJob', `${id}-t`);
  await call('cancelJob', `${id}-m`);
  const query = await call('createQuery', 'scheduleUpdateTwin', 'completed', 5);
  await query.next();
}

// The device's side of a transport, with the service that it needs on the other end.
async function deviceMethods(name, Transport, { id, key }, { host, client: service, twins }) {
  const sign = () => common.SharedAccessSignature.create(`${host}/devices/${id}`, null, key, Math.floor(Date.now() / 1000) + 3600).toString();
  const client = device.Client.fromSharedAccessSignature(sign(), Transport);
  const title = `Client over ${name}`;
  const call = (method, ...args) => drive(title, client, method, ...args);
  client.on('error', () => {});
  const enabled = watchEnabling(client);
  await call('setRetryPolicy', new common.NoRetry());
  await call('setOptions', name === 'http' ? { http: { receivePolicy: { interval: 1, drain: false } } } : { modelId: model });
  await call('setTransportOptions', { interval: 1, drain: false });
  await call('open');
  await call('sendEvent', new device.Message('one'));
  await call('sendEventBatch', [new device.Message('two'), new device.Message('three')]);
  const twin = await call('getTwin');
  await call('onDeviceMethod', 'reboot', (request, response) => response.send(200, { got: request.payload }, () => {}));
  await call('onDeviceMethod', 'c1*read', (request, response) => response.send(203, null, () => {}));
  await enabled();
  if (twin) await serviceMethods(service, twins, id);

  const answers = ['abandon', 'complete', 'reject'];
  for (let i = 0; i < answers.length; i++) await service.send(id, new common.Message(`m${i}`));
  await within(30000, 'messages', new Promise((resolve) => {
    client.on('message', async (message) => {
      const answer = answers.shift();
      if (!answer) return;
      await call(answer, message);
      if (answers.length === 0) resolve();
    });
  }));
  client.removeAllListeners('message');
  await call('uploadToBlob', 'a.txt', Readable.from([Buffer.from('abc')], { objectMode: false }), 3);
  const ticket = await call('getBlobSharedAccessSignature', 'b.txt');
  await call('notifyBlobUploadStatus', ticket.correlationId, false, 500, 'not sent');
  await call('updateSharedAccessSignature', sign(), done);
  await call('close');
}

// What needs a device that listens.
async function serviceMethods(client, twins, id) {
  await drive('service Client', client, 'invokeDeviceMethod', id, { methodName: 'reboot', payload: 1, responseTimeoutInSeconds: 10 });
  const digital = (method, ...args) => drive('DigitalTwinClient', twins, method, ...args);
  await digital('getDigitalTwin', id);
  await digital('updateDigitalTwin', id, [{ op: 'add', path: '/targetTemperature', value: 21 }]);
  await digital('invokeCommand', id, 'reboot', 5, { connectTimeoutInSeconds: 5, responseTimeoutInSeconds: 10 });
  await digital('invokeComponentCommand', id, 'c1', 'read', {});
}

async function moduleMethods(name, Transport, service, host, id) {
  const registry = iothub.Registry.fromConnectionString(service);
  const moduleId = `m-${name}`;
  const { responseBody: module } = await registry.addModule({ deviceId: id, moduleId });
  const key = module.authentication.symmetricKey.primaryKey;
  const sign = () => common.SharedAccessSignature.create(`${host}/devices/${id}/modules/${moduleId}`, null, key, Math.floor(Date.now() / 1000) + 3600).toString();
  const client = device.ModuleClient.fromSharedAccessSignature(sign(), Transport);
  const call = (method, ...args) => drive(`ModuleClient over ${name}`, client, method, ...args);
  client.on('error', () => {});
  const enabled = watchEnabling(client);
  await call('setRetryPolicy', new common.NoRetry());
  await call('setOptions', { modelId: model });
  await call('setTransportOptions', {});
  await call('open');
  await call('sendEvent', new device.Message('one'));
  await call('sendEventBatch', [new device.Message('two')]);
  await call('sendOutputEvent', 'out', new device.Message('three'));
  await call('sendOutputEventBatch', 'out', [new device.Message('four')]);
  await call('getTwin');
  await call('onMethod', 'reboot', (request, response) => response.send(200, null, () => {}));
  await enabled();
  await call('invokeMethod', id, moduleId, { methodName: 'reboot', payload: 1, responseTimeoutInSeconds: 10 });
  const message = new device.Message('local');
  for (const answer of ['complete', 'reject', 'abandon']) await call(answer, message);
  await call('updateSharedAccessSignature', sign(), done);
  await call('close');
}

run(async ({ service, host, id, devices, container }) => {
  await registryMethods(service, id, container);
  await jobMethods(service, id);
  const client = iothub.Client.fromConnectionString(service);
  const call = (method, ...args) => drive('service Client', client, method, ...args);
  await call('setRetryPolicy', new common.NoRetry());
  await call('open');
  await call('getFeedbackReceiver', done);
  await call('getFileNotificationReceiver', done);
  await call('send', devices.mqtt.id, new common.Message('first'));
  const registry = iothub.Registry.fromConnectionString(service);
  for (const one of Object.values(devices)) await drainAsync(registry, one);
  const twins = new iothub.DigitalTwinClient(new iothub.IoTHubTokenCredentials(service));
  const other = { host, client, twins };
  await deviceMethods('mqtt', mqtt.Mqtt, devices.mqtt, other);
  await deviceMethods('mqttws', mqtt.MqttWs, devices.mqttws, other);
  await deviceMethods('http', http.Http, devices.http, other);
  for (const [name, Transport] of [['mqtt', mqtt.Mqtt], ['mqttws', mqtt.MqttWs]]) await moduleMethods(name, Transport, service, host, devices.mqtt.id);
  await call('close');

  const missing = [];
  for (const [name, { object, methods }] of driven) for (const method of methodsOf(object)) if (!methods.has(method)) missing.push(`${name}.${method}`);
  // A class that the package has and nobody here knows.
  const known = ['Client', 'versionQueryString', 'ConnectionString', 'Registry', 'SharedAccessSignature', 'Amqp', 'AmqpWs', 'JobClient', 'Device', 'Twin', 'IoTHubTokenCredentials', 'DigitalTwinClient'];
  for (const name of Object.keys(require('azure-iothub'))) if (!known.includes(name)) missing.push(`azure-iothub: ${name}`);
  return { missing, outcomes };
});

// A message that waits from an earlier step would be taken for one of those that are answered.
async function drainAsync(registry, { id }) {
  const path = `/devices/${encodeURIComponent(id)}/commands${iothub.versionQueryString()}`;
  await new Promise((resolve, reject) => registry._restApiClient.executeApiCall('DELETE', path, null, null, (error) => (error ? reject(error) : resolve())));
}
