// Registers with the provisioning service, then connects to the assigned hub and sends one message.
//   { host, idScope, transport: "http" | "mqtt" | "mqttws", attestation: "symmetricKey" | "tpm" | "x509", registrationId, key, certificate, payload, send: "text" }
import common from 'azure-iot-common';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import provisioning from 'azure-iot-provisioning-device';
import http from 'azure-iot-provisioning-device-http';
import provisioningMqtt from 'azure-iot-provisioning-device-mqtt';
import symmetric from 'azure-iot-security-symmetric-key';
import x509 from 'azure-iot-security-x509';
import tpm from 'azure-iot-security-tpm';
import { describe, run, within } from './scenario.mjs';

const transports = { http: () => new http.Http(), mqtt: () => new provisioningMqtt.Mqtt(), mqttws: () => new provisioningMqtt.MqttWs() };

function securityClient({ attestation, registrationId, key, certificate }) {
  if (attestation === 'x509') return new x509.X509Security(registrationId, { cert: certificate, key });
  return attestation === 'tpm' ? new tpm.TpmSecurityClient(registrationId) : new symmetric.SymmetricKeySecurityClient(registrationId, key);
}

function deviceClient({ assignedHub, deviceId }, security, { attestation, key, certificate }) {
  if (attestation === 'x509') {
    const client = device.Client.fromConnectionString(`HostName=${assignedHub};DeviceId=${deviceId};x509=true`, mqtt.Mqtt);
    client.setOptions({ cert: certificate, key });
    return client;
  }
  if (attestation === 'tpm') {
    const provider = tpm.TpmAuthenticationProvider.fromTpmSecurityClient(deviceId, assignedHub, security);
    return device.Client.fromAuthenticationProvider(provider, mqtt.Mqtt);
  }
  return device.Client.fromConnectionString(`HostName=${assignedHub};DeviceId=${deviceId};SharedAccessKey=${key}`, mqtt.Mqtt);
}

run(async (args) => {
  const security = securityClient(args);
  const client = provisioning.ProvisioningDeviceClient.create(args.host, args.idScope, transports[args.transport ?? 'http'](), security);
  if (args.payload !== undefined) client.setProvisioningPayload(args.payload);
  let registration;
  try {
    const answer = await within(args.timeout ?? 40000, 'register', client.register());
    // The SDK gives the bare state for symmetric keys and the whole answer for a TPM.
    registration = answer.registrationState ?? answer;
  } catch (error) {
    return { registered: false, error: describe(error) };
  }

  const outcome = { registered: true, registration, sent: false };
  if (args.send === undefined) return outcome;
  const hub = deviceClient(registration, security, args);
  hub.setRetryPolicy(new common.NoRetry());
  try {
    await within(20000, 'open', hub.open());
    await within(20000, 'send', hub.sendEvent(new device.Message(args.send)));
    await hub.close();
    outcome.sent = true;
  } catch (error) {
    outcome.error = describe(error);
  }
  return outcome;
});
