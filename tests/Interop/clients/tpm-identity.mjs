// What an installer reads from a TPM before it makes the enrollment.
import tpm from 'azure-iot-security-tpm';
import { run, within } from './scenario.mjs';

const read = (security, what) => within(30000, what, new Promise((resolve, reject) => {
  security[what]((error, value) => (error ? reject(error) : resolve(value)));
}));

run(async () => {
  const security = new tpm.TpmSecurityClient();
  const endorsementKey = await read(security, 'getEndorsementKey');
  const storageRootKey = await read(security, 'getStorageRootKey');
  const registrationId = await read(security, 'getRegistrationId');
  return { registrationId, endorsementKey: endorsementKey.toString('base64'), storageRootKey: storageRootKey.toString('base64') };
});
