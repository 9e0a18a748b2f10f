// Uses all that the provisioning service client offers beside single enrollments: bulk calls, queries page by page, registration states.
//   { connectionString, prefix, group, registered, pageSize }
import provisioning from 'azure-iot-provisioning-service';
import { describe, run, within } from './scenario.mjs';

const called = (what, start) => within(20000, what, new Promise((resolve, reject) => {
  start((error, value) => (error ? reject(error) : resolve(value)));
}));

async function pages(query) {
  const all = [];
  do {
    const page = await called('next', (done) => query.next(done));
    all.push(page.result ?? page);
  } while (query.hasMoreResults);
  return all;
}

run(async ({ connectionString, prefix, group, registered, pageSize }) => {
  const client = provisioning.ProvisioningServiceClient.fromConnectionString(connectionString);
  const enrollments = Array.from({ length: 10 }, (_, i) => ({ registrationId: `${prefix}-${i}`, attestation: { type: 'symmetricKey' } }));
  // The client never resolves its promise for a bulk call, so it gets a callback.
  const bulk = (mode, entries) => called(mode, (done) => client.runBulkEnrollmentOperation({ mode, enrollments: entries }, done));
  const created = await bulk('create', enrollments);
  const again = await bulk('create', enrollments.slice(0, 2));
  const queried = await pages(client.createIndividualEnrollmentQuery({ query: '*' }, pageSize));
  const groups = await pages(client.createEnrollmentGroupQuery({ query: 'SELECT *' }, pageSize));
  const states = await pages(client.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, group, pageSize));
  const updated = await bulk('update', enrollments.map((e) => ({ ...e, provisioningStatus: 'disabled' })));
  const one = (await client.getIndividualEnrollment(enrollments[0].registrationId)).responseBody;
  const stale = await bulk('updateIfMatchETag', [{ ...one, etag: '"stale"' }]);
  const matching = await bulk('updateIfMatchETag', [one]);
  const state = (await client.getDeviceRegistrationState(registered)).responseBody;
  await client.deleteDeviceRegistrationState(state);
  let gone;
  try {
    await client.getDeviceRegistrationState(registered);
  } catch (error) {
    gone = describe(error);
  }
  const deleted = await bulk('delete', enrollments);
  return { created, again, queried, groups, states, updated, one, stale, matching, state, gone, deleted };
});
