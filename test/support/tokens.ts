/** Tokens as an issuer would make them, and a server for its public keys. */
import { createServer, type Server } from 'node:http';
import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { bindFreePort } from './bind-free-port.ts';

export type SigningKey = Parameters<SignJWT['sign']>[0];

export interface TokenOptions {
  readonly algorithm?: string;
  readonly keyId?: string;
  /** Seconds from now; may lie in the past. Absent: the token does not expire. */
  readonly expiresIn?: number;
}

export const SECRET = 'canary-secret-of-32-characters-or-more';

/** Signs with the secret, or with a key. */
export function tokenFor(
  claims: JWTPayload & { readonly role?: unknown },
  { algorithm = 'HS256', keyId, expiresIn }: TokenOptions = {},
  key: SigningKey = Buffer.from(SECRET),
): Promise<string> {
  const header = { alg: algorithm, ...(keyId === undefined ? {} : { kid: keyId }) };
  const nowSeconds = Math.floor(Date.now() / 1e3);
  const times = expiresIn === undefined ? {} : { exp: nowSeconds + expiresIn };
  return new SignJWT({ ...claims, ...times }).setProtectedHeader(header).sign(key);
}

export interface KeyPair {
  readonly privateKey: SigningKey;
  readonly publicPem: string;
  readonly publicJwk: JWK;
}

export async function keyPair(algorithm: string, keyId = 'key-1'): Promise<KeyPair> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return {
    privateKey,
    publicPem: await exportSPKI(publicKey),
    publicJwk: { ...(await exportJWK(publicKey)), kid: keyId, use: 'sig' },
  };
}

/** Serves a key set on loopback. `keys` may be changed, `isUp` too. */
export class KeyServer {
  keys: readonly JWK[];
  isUp = true;
  requests = 0;
  readonly #server: Server;

  constructor(keys: readonly JWK[]) {
    this.keys = keys;
    this.#server = createServer((_request, response) => {
      this.requests += 1;
      response.writeHead(this.isUp ? 200 : 500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: this.keys }));
    });
  }

  async start(): Promise<string> {
    return `http://127.0.0.1:${await bindFreePort(this.#server)}/keys`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
