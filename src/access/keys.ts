/**
 * The keys that tokens are verified with. Each key fixes its algorithms; what a token's header says only has to agree
 * (RFC 8725, 3.1). Read on main at start; plain data, so that every thread makes its own verifier of it.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import { KeyError } from '../key-error.ts';
import { readKeyFile } from '../key-file.ts';
import { JWKS_COOL_DOWN_MS, JWKS_MAX_AGE_MS, JWKS_TIMEOUT_MS } from '../limits.ts';
import { boundedKeySetFetch } from './key-set.ts';

/** Which tokens are accepted. May be sent to a thread. */
export interface TokenConfig {
  /** Key of HS256, '' for none. */
  readonly secret: string;
  /** PEM, '' for none. */
  readonly publicKey: string;
  /** '' for none. */
  readonly jwksUrl: string;
  /** What `aud` must name, '' for anything. */
  readonly audience: string;
  /** What `iss` must be, '' for anything. */
  readonly issuer: string;
}

export interface TokenSettings {
  readonly authJwtSecret: string;
  readonly authJwtPublicKeyFile: string;
  readonly authJwksUrl: string;
  readonly authJwtAudience: string;
  readonly authJwtIssuer: string;
}

/** Whether peers need a token. */
export function isAuthenticated(settings: TokenSettings): boolean {
  return settings.authJwtSecret !== '' || settings.authJwtPublicKeyFile !== '' || settings.authJwksUrl !== '';
}

/** RFC 7518, 3.2: a shorter key is easier to guess than the signature. */
const SECRET_BYTES_MIN = 32;

/** Whether the shared secret is short enough to be guessed; the hub uses it anyway, and warns. */
export function isShortSecret({ authJwtSecret }: TokenSettings): boolean {
  return authJwtSecret !== '' && Buffer.byteLength(authJwtSecret) < SECRET_BYTES_MIN;
}

/**
 * @returns undefined when no token is needed
 * @throws KeyError when the file of the public key cannot be used
 */
export function readTokenConfig(
  settings: TokenSettings,
  readFile: (path: string) => string,
): TokenConfig | undefined {
  if (!isAuthenticated(settings)) return undefined;
  const { authJwtPublicKeyFile: file } = settings;
  const publicKey = file === '' ? '' : readPublicKey(file, readFile);
  return {
    secret: settings.authJwtSecret,
    publicKey,
    jwksUrl: settings.authJwksUrl,
    audience: settings.authJwtAudience,
    issuer: settings.authJwtIssuer,
  };
}

/** A key, and the algorithms of tokens that it verifies. */
export interface TokenKey {
  readonly algorithms: readonly string[];
  readonly key: Uint8Array | KeyObject | JWTVerifyGetKey;
}

/** RFC 7518, 3.3. */
const RSA_BITS_MIN = 2048;

/** Of a key set, a key's own type decides which of these it is for. */
const JWKS_ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'Ed25519'];

/** The keys that tokens may be signed with. @throws Error when the public key is none */
export function keysOf({ secret, publicKey, jwksUrl }: TokenConfig): TokenKey[] {
  const keys: TokenKey[] = [];
  if (secret !== '') keys.push({ algorithms: ['HS256'], key: Buffer.from(secret) });
  if (publicKey !== '') {
    const key = createPublicKey(publicKey);
    keys.push({ algorithms: algorithmsOf(key)!, key });
  }
  if (jwksUrl !== '') {
    const key = createRemoteJWKSet(new URL(jwksUrl), {
      cooldownDuration: JWKS_COOL_DOWN_MS,
      cacheMaxAge: JWKS_MAX_AGE_MS,
      timeoutDuration: JWKS_TIMEOUT_MS,
      [customFetch]: boundedKeySetFetch(),
    });
    keys.push({ algorithms: JWKS_ALGORITHMS, key });
  }
  return keys;
}

function readPublicKey(file: string, readFile: (path: string) => string): string {
  const setting = 'DAT_AUTH_JWT_PUBLIC_KEY_FILE';
  const place = `the file of ${setting}`;
  const pem = readKeyFile(setting, file, readFile);
  if (pem.includes('PRIVATE KEY'))
    throw new KeyError(`${place} contains a private key; expected a public key`);
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw new KeyError(`${place} contains no public key in PEM form`);
  }
  if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < RSA_BITS_MIN) {
    throw new KeyError(`${place} contains an RSA key of fewer than ${RSA_BITS_MIN} bits`);
  }
  if (algorithmsOf(key) === undefined) {
    throw new KeyError(
      `${place} contains a key of type ${key.asymmetricKeyType}; expected RSA, EC P-256 or Ed25519`,
    );
  }
  return pem;
}

function algorithmsOf(key: KeyObject): readonly string[] | undefined {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return ['RS256'];
    case 'ec':
      return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? ['ES256'] : undefined;
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      return undefined;
  }
}
