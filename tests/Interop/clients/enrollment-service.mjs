// Uses all that the provisioning service client offers: single enrollments, bulk calls, queries page by page, registration states.
//   { connectionString, prefix, group, registered, pageSize }
// The result names the methods that the client has and those that were called.
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

async function failure(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return describe(error);
  }
}

// Notes the methods that are called from here, not those that the client calls itself.
function recorded(client, calls) {
  return new Proxy(client, {
    get(target, name) {
      const member = target[name];
      if (typeof member !== 'function') return member;
      calls.add(name);
      return member.bind(target);
    },
  });
}

run(async ({ connectionString, prefix, group, registered, pageSize }) => {
  const type = provisioning.ProvisioningServiceClient;
  const calls = new Set();
  const client = recorded(type.fromConnectionString(connectionString), calls);
  const enrollments = Array.from({ length: 10 }, (_, i) => ({ registrationId: `${prefix}-${i}`, attestation: { type: 'symmetricKey' } }));
  // The client never resolves its promise for a bulk call, so it gets a callback.
  const bulk = (mode, entries) => called(mode, (done) => client.runBulkEnrollmentOperation({ mode, enrollments: entries }, done));
  const created = await bulk('create', enrollments);
  const again = await bulk('create', enrollments.slice(0, 2));
  const queried = await pages(client.createIndividualEnrollmentQuery({ query: '*' }, pageSize));
  const groups = await pages(client.createEnrollmentGroupQuery({ query: 'SELECT *' }, pageSize));
  const states = await pages(client.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, group, pageSize));
  const updated = await bulk('update', enrollments.map((e, i) => ({ ...e, provisioningStatus: i < 3 ? 'disabled' : 'enabled' })));
  const disabled = await pages(client.createIndividualEnrollmentQuery({ query: `SELECT * FROM enrollments WHERE STARTSWITH(registrationId, '${prefix}') AND provisioningStatus = 'disabled'` }, pageSize));
  const wrong = await failure(pages(client.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments WHERE a =' }, pageSize)));
  const one = (await client.getIndividualEnrollment(enrollments[0].registrationId)).responseBody;
  const stale = await bulk('updateIfMatchETag', [{ ...one, etag: '"stale"' }]);
  const matching = await bulk('updateIfMatchETag', [one]);
  const state = (await client.getDeviceRegistrationState(registered)).responseBody;
  await client.deleteDeviceRegistrationState(state);
  const gone = await failure(client.getDeviceRegistrationState(registered));

  const single = (await client.createOrUpdateIndividualEnrollment({ registrationId: `${prefix}-single`, attestation: { type: 'symmetricKey' } })).responseBody;
  const mechanism = (await client.getIndividualEnrollmentAttestationMechanism(`${prefix}-single`)).responseBody;
  const staleDelete = await failure(client.deleteIndividualEnrollment(`${prefix}-single`, '"stale"'));
  await client.deleteIndividualEnrollment(single);
  const whole = (await client.createOrUpdateEnrollmentGroup({ enrollmentGroupId: `${prefix}-group`, attestation: { type: 'symmetricKey' } })).responseBody;
  const read = (await client.getEnrollmentGroup(`${prefix}-group`)).responseBody;
  const groupMechanism = (await client.getEnrollmentGroupAttestationMechanism(`${prefix}-group`)).responseBody;
  await client.deleteEnrollmentGroup(`${prefix}-group`, read.etag);
  const deleted = await bulk('delete', enrollments);
  const methods = Object.getOwnPropertyNames(type.prototype).filter((name) => name !== 'constructor' && !name.startsWith('_'));
  return {
    created, again, queried, groups, states, updated, disabled, wrong, one, stale, matching, state, gone, deleted,
    single, mechanism, staleDelete, whole, groupMechanism, methods, calls: [...calls],
  };
});
