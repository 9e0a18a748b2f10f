// An OpenID Connect issuer on this machine: { port, key, certificate, redirectUri, secret }. People type any login; the login decides what
// the issuer vouches for. A line "rotate" on the standard input replaces the signing key, "again" reports that it answers.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';
import { report, run } from './scenario.mjs';

const people = {
  mallory: { email: 'ada@example.com', email_verified: true },
  ulla: { email: 'ada@example.com', email_verified: false },
  gina: { email: 'gina@example.com', email_verified: true, groups: ['visitors', 'plant-operators'] },
};

run(async ({ port, key, certificate, redirectUri, secret }) => {
  const issuer = `https://127.0.0.1:${port}`;
  const cookies = { keys: [randomUUID()] };
  const build = () => new Provider(issuer, {
    cookies,
    clients: [
      { client_id: 'homeport', client_secret: secret, redirect_uris: [redirectUri], grant_types: ['authorization_code'], response_types: ['code'] },
      { client_id: 'fleet-sync', client_secret: secret, redirect_uris: [], grant_types: ['client_credentials'], response_types: [] },
      { client_id: 'stranger', client_secret: secret, redirect_uris: [], grant_types: ['client_credentials'], response_types: [] },
    ],
    claims: { email: ['email', 'email_verified'], groups: ['groups'] },
    pkce: { required: () => true },
    jwks: { keys: [{ ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'RS256', use: 'sig' }] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, ...people[id] }) }),
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_, client) => (client.clientId === 'homeport' ? undefined : 'urn:homeport:api'),
        getResourceServerInfo: (_, resource) => ({ scope: '', audience: resource, accessTokenTTL: 3600, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
      },
    },
  });
  let provider = build();
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => provider.callback()(request, response));
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  report({ event: 'listening' });
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'rotate') provider = build();
    report({ event: line });
  }
});
