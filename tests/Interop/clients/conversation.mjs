// Devices and services that talk to each other, in steps one after the other; each step's value is in the result.
//   { service: "HostName=…", transport: "mqtt" | "mqttws", devices: { name: { connectionString, module, renewal: { valid, margin } } }, steps: [...] }
// Steps of a device (d is its name): { d, do: "open" | "twin" | "watch" | "close" }, { d, report: {…} }, { d, methods: { name: { status, payload, echo, silent } } },
//   { d, changes: n } waits until n patches were seen in all, { d, calls: n } for calls, { d, renewals: n } for tokens.
// Steps of the service: { registry: "getTwin", args: [...] }, { twin: "get" | "update", of: [device, module], args: [...] }, { invoke: [device, module?], method: {…}, later, times, again } (again: until it succeeds).
// Others: { sleep: ms }, { answers: true } waits for the calls that were made "later", { event: "name" } reports, { file: path } waits for it. An argument { "$from": n, "path": "etag" } is taken from step n.
import { existsSync } from 'node:fs';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import common from 'azure-iot-common';
import iothub from 'azure-iothub';
import { watchEnabling } from './enabled.mjs';
import { describe, report, run, sleep, within } from './scenario.mjs';

const transports = { mqtt: mqtt.Mqtt, mqttws: mqtt.MqttWs };
const plain = (value) => (value === undefined ? null : JSON.parse(JSON.stringify(value)));

class Device {
  constructor({ connectionString, module, renewal, retry }, transport) {
    const Client = module ? device.ModuleClient : device.Client;
    Object.assign(this, { changes: [], calls: [], renewals: 0, disconnects: 0 });
    if (renewal) {
      const provider = device.SharedAccessKeyAuthenticationProvider.fromConnectionString(connectionString, renewal.valid, renewal.margin);
      provider.on('newTokenAvailable', () => this.renewals++);
      this.client = Client.fromAuthenticationProvider(provider, transport);
    } else this.client = Client.fromConnectionString(connectionString, transport);
    if (!retry) this.client.setRetryPolicy(new common.NoRetry());
    this.enabled = watchEnabling(this.client);
    this.client.on('error', () => {});
    this.client.on('disconnect', () => this.disconnects++);
  }

  async open() {
    await this.client.open();
  }

  async close() {
    await this.client.close();
  }

  async twin() {
    this.object = await this.client.getTwin();
    return { desired: this.object.properties.desired, reported: this.object.properties.reported };
  }

  async watch() {
    await this.twin();
    let first = true;
    // The SDK gives the whole of what it knows at once, and later the patches.
    this.object.on('properties.desired', (patch) => {
      if (first) first = false;
      else this.changes.push(plain(patch));
    });
    await this.enabled();
  }

  async report(patch) {
    await new Promise((resolve, reject) => this.object.properties.reported.update(patch, (error) => (error ? reject(error) : resolve())));
  }

  async methods(handlers) {
    for (const [name, { status = 200, payload, echo, silent }] of Object.entries(handlers)) {
      const handler = (request, response) => {
        this.calls.push({ name, payload: plain(request.payload) });
        if (!silent) response.send(status, echo ? request.payload : payload);
      };
      if (this.client.onDeviceMethod) this.client.onDeviceMethod(name, handler);
      else this.client.onMethod(name, handler);
    }
    await this.enabled();
  }

  async reach(what, count) {
    for (let i = 0; i < 400 && (typeof this[what] === 'number' ? this[what] : this[what].length) < count; i++) await sleep(50);
    return plain(this[what]);
  }
}

run(async ({ service, transport = 'mqtt', devices = {}, steps }) => {
  const registry = service && iothub.Registry.fromConnectionString(service);
  const caller = service && iothub.Client.fromConnectionString(service);
  const made = Object.fromEntries(Object.entries(devices).map(([name, options]) => [name, new Device(options, transports[transport])]));
  const twins = {};
  const results = [];
  const open = [];

  const resolve = (value) => {
    if (Array.isArray(value)) return value.map(resolve);
    if (value === null || typeof value !== 'object') return value;
    if ('$from' in value) return (value.path ?? '').split('.').filter((k) => k).reduce((o, k) => o?.[k], results[value.$from].value);
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolve(v)]));
  };

  const invoke = async ({ invoke: target, method }) => {
    try {
      const { result } = await caller.invokeDeviceMethod(...target, { ...method });
      return { ok: true, value: plain(result) };
    } catch (error) {
      return { ok: false, error: describe(error) };
    }
  };

  const twinOf = async ([id, moduleId]) => {
    const answer = moduleId ? await registry.getModuleTwin(id, moduleId) : await registry.getTwin(id);
    return answer.responseBody;
  };

  const act = async (step) => {
    if (step.d) {
      const target = made[step.d];
      if (step.do) return target[step.do]();
      if (step.report) return target.report(step.report);
      if (step.methods) return target.methods(step.methods);
      for (const what of ['changes', 'calls', 'renewals', 'disconnects']) if (what in step) return target.reach(what, step[what]);
    }
    if (step.registry) return (await registry[step.registry](...resolve(step.args))).responseBody;
    if (step.twin) {
      const key = step.of.join('/');
      twins[key] ??= await twinOf(step.of);
      await twins[key][step.twin](...resolve(step.args ?? []));
      return twins[key].toJSON();
    }
    if (step.invoke && step.later) {
      for (let i = 0; i < (step.times ?? 1); i++) open.push(invoke({ ...step, method: { ...step.method, payload: step.times ? i : step.method.payload } }));
      return null;
    }
    if (step.invoke) {
      let answer = await invoke(step);
      for (let i = 0; step.again && !answer.ok && i < 20; i++) answer = await invoke(step);
      if (!answer.ok) throw Object.assign(new Error(), { described: answer.error });
      return answer.value;
    }
    if (step.answers) return Promise.all(open.splice(0));
    if (step.sleep) return sleep(step.sleep);
    if (step.event) return report({ event: step.event });
    if (step.file) {
      while (!existsSync(step.file)) await sleep(50);
      return null;
    }
    throw new Error(`not a step: ${JSON.stringify(step)}`);
  };

  for (const step of steps) {
    try {
      results.push({ ok: true, value: plain(await within(step.timeout ?? 30000, JSON.stringify(step).slice(0, 80), act(step))) });
    } catch (error) {
      results.push({ ok: false, error: error.described ?? describe(error) });
    }
  }
  for (const { client } of Object.values(made)) await within(3000, 'close', client.close()).catch(() => {});
  return results;
});
