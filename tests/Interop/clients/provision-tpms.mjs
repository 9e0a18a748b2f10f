// Registers many TPMs, each at a port of its own, over HTTPS, a few at a time, and says for each what came of it.
//   { host, idScope, parallel, tpms: [{ port, registrationId, payload }] }
import provisioning from 'azure-iot-provisioning-device';
import http from 'azure-iot-provisioning-device-http';
import tpm from 'azure-iot-security-tpm';
import tss from 'tss.js';
import device from 'tss.js/lib/TpmDevice.js';
import { describe, run, within } from './scenario.mjs';

// swtpm at a port: what the SDK opens by itself at 2323.
function chipAt(port) {
  const chip = new tss.Tpm(false);
  chip.device = new device.TpmTcpDevice('127.0.0.1', port, true);
  return chip;
}

async function register({ host, idScope }, { port, registrationId, payload }) {
  const security = new tpm.TpmSecurityClient(registrationId, chipAt(port));
  const client = provisioning.ProvisioningDeviceClient.create(host, idScope, new http.Http(), security);
  if (payload) client.setProvisioningPayload(payload);
  try {
    const answer = await within(60000, 'register', client.register());
    return { registered: true, registration: answer.registrationState ?? answer };
  } catch (error) {
    return { registered: false, error: describe(error) };
  }
}

run(async (args) => {
  const results = new Array(args.tpms.length);
  let next = 0;
  const work = async () => {
    while (next < args.tpms.length) {
      const mine = next++;
      results[mine] = await register(args, args.tpms[mine]);
    }
  };
  await Promise.all(Array.from({ length: args.parallel ?? 10 }, work));
  return results;
});
