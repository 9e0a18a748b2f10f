// Jobs and configurations by the service SDK: { connectionString, id, condition, device }.
import iothub from 'azure-iothub';
import { describe, run, sleep } from './scenario.mjs';

run(async ({ connectionString, id, condition, device }) => {
  const jobs = iothub.JobClient.fromConnectionString(connectionString);
  const registry = iothub.Registry.fromConnectionString(connectionString);
  const done = async (job) => {
    for (;;) {
      const state = (await jobs.getJob(job)).jobStatus;
      if (['completed', 'failed', 'cancelled'].includes(state.status)) return state;
      await sleep(100);
    }
  };
  const twin = { etag: '*', properties: { desired: { byJob: id } } };
  await jobs.scheduleTwinUpdate(`${id}-twin`, condition, twin, new Date(), 60);
  const twinJob = await done(`${id}-twin`);
  await jobs.scheduleDeviceMethod(`${id}-method`, condition, { methodName: 'reboot', payload: null, responseTimeoutInSeconds: 5 }, new Date(), 60);
  const methodJob = await done(`${id}-method`);
  let conflict = null;
  try {
    await jobs.scheduleTwinUpdate(`${id}-twin`, condition, twin, new Date(), 60);
  } catch (error) {
    conflict = describe(error);
  }
  const rows = (await registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '${id}-twin'`, 100).next()).result;
  await jobs.scheduleTwinUpdate(`${id}-later`, condition, twin, new Date(Date.now() + 3600000), 60);
  const cancelled = (await jobs.cancelJob(`${id}-later`)).jobStatus ?? (await jobs.getJob(`${id}-later`)).jobStatus;

  const configuration = { id, schemaVersion: '1.0', content: { deviceContent: { 'properties.desired.byConfiguration': { mode: id } } }, targetCondition: condition, priority: 10 };
  const added = (await registry.addConfiguration(configuration)).responseBody;
  let applied;
  for (let i = 0; i < 100; i++) {
    applied = (await registry.getTwin(device)).responseBody;
    if (applied.properties.desired.byConfiguration) break;
    await sleep(100);
  }
  const read = (await registry.getConfiguration(id)).responseBody;
  await registry.removeConfiguration(id);
  return { twinJob, methodJob, conflict, rows, cancelled, added, applied, read };
});
