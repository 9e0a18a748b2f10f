// A method job by the service SDK, followed to its end: { connectionString, id, condition, method }.
import iothub from 'azure-iothub';
import { run, sleep } from './scenario.mjs';

run(async ({ connectionString, id, condition, method }) => {
  const jobs = iothub.JobClient.fromConnectionString(connectionString);
  const registry = iothub.Registry.fromConnectionString(connectionString);
  await jobs.scheduleDeviceMethod(id, condition, method, new Date(), 60);
  let job;
  do {
    await sleep(100);
    job = (await jobs.getJob(id)).jobStatus;
  } while (!['completed', 'failed', 'cancelled'].includes(job.status));
  const rows = (await registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '${id}'`, 100).next()).result;
  // Pages of one job, so that more than one page is read where there are more jobs.
  const listed = [];
  const query = jobs.createQuery('scheduleDeviceMethod', 'completed', 1);
  // Without the token, the SDK's promise asks for the first page again and again.
  while (query.hasMoreResults) listed.push(...(await query.next(query.continuationToken)).result);
  return { job, rows, listed };
});
