// Calls the methods of a service client one after the other and records what each gave.
//   { client: "registry" | "provisioning", connectionString, steps: [{ call: "create", args: [...] }, ...] }
// An argument { "$from": n, "path": "etag" } is taken from the result of step n.
import iothub from 'azure-iothub';
import provisioning from 'azure-iot-provisioning-service';
import { describe, run, within } from './scenario.mjs';

const factories = {
  registry: (connectionString) => iothub.Registry.fromConnectionString(connectionString),
  provisioning: (connectionString) => provisioning.ProvisioningServiceClient.fromConnectionString(connectionString),
};

function resolve(value, results) {
  if (Array.isArray(value)) return value.map((v) => resolve(v, results));
  if (value === null || typeof value !== 'object') return value;
  if ('$from' in value) {
    const source = results[value.$from].value;
    return value.path ? value.path.split('.').reduce((o, key) => o?.[key], source) : source;
  }
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolve(v, results)]));
}

run(async ({ client, connectionString, steps }) => {
  const target = factories[client](connectionString);
  const results = [];
  for (const { call, args = [] } of steps) {
    try {
      const answer = await within(20000, call, target[call](...resolve(args, results)));
      const value = answer && typeof answer === 'object' && 'responseBody' in answer ? answer.responseBody : answer;
      const status = answer?.httpResponse?.statusCode ?? answer?.response?.statusCode ?? null;
      results.push({ call, ok: true, status, value: value === undefined ? null : JSON.parse(JSON.stringify(value)) });
    } catch (error) {
      results.push({ call, ok: false, error: describe(error) });
    }
  }
  return results;
});
