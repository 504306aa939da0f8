// A real OpenID provider on the port of its argument, with one client that may ask for tokens, revoke and introspect them. Started by tests.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const port = Number(process.argv[2]);
const grant = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] };
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { client_id: 'effector', client_secret: 's3cret', ...grant },
    { client_id: 'agent', client_secret: 'agent', ...grant },
  ],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
  },
});
createServer(provider.callback()).listen(port, '127.0.0.1');
