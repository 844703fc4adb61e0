/** The key that tokens are signed with: the secret in the environment, or a private key from a file. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { environment } from './connection.ts';
import { CliFailure, Exit } from './failure.ts';

export interface SigningKey {
  readonly key: KeyObject | Uint8Array;
  /** Its algorithm, as a token's header names it. */
  readonly alg: string;
}

/** RFC 7518, section 3.3. */
const RSA_BITS_MIN = 2048;
const algorithms: Readonly<Record<string, string>> = { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' };

/** @returns undefined when there is neither a file nor a secret @throws CliFailure when the file has no usable key */
export function signingKey(keyFile: string | undefined): SigningKey | undefined {
  if (keyFile !== undefined) return privateKey(keyFile);
  const secret = environment('DAT_AUTH_JWT_SECRET');
  return secret === '' ? undefined : { key: Buffer.from(secret), alg: 'HS256' };
}

function privateKey(path: string): SigningKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(readFileSync(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CliFailure(
      Exit.config,
      `--key-file ${path}: ${code === 'ENOENT' ? 'no such file' : 'not a private key in PEM form'}`,
    );
  }
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: details = {} } = key;
  const alg = algorithms[type];
  const isShort = type === 'rsa' && (details.modulusLength ?? 0) < RSA_BITS_MIN;
  const isOtherCurve = type === 'ec' && details.namedCurve !== 'prime256v1';
  if (alg !== undefined && !isShort && !isOtherCurve) return { key, alg };
  const found = `a key of type ${[type, details.namedCurve ?? details.modulusLength].filter(Boolean).join(' ')}`;
  throw new CliFailure(
    Exit.config,
    `--key-file ${path}: ${found}; expected RSA with ${RSA_BITS_MIN} bits or more, EC P-256 or Ed25519`,
  );
}

export interface TokenClaims {
  readonly sub: string;
  readonly role: string;
  readonly devices?: readonly string[];
  readonly vip?: boolean;
}

/**
 * Signs a token, with the audience and issuer that the environment names.
 * @param expires seconds from now, 0 for never
 */
export async function signToken(
  { key, alg }: SigningKey,
  { sub, ...claims }: TokenClaims,
  expires: number,
): Promise<string> {
  const { SignJWT } = await import('jose');
  const audience = environment('DAT_AUTH_JWT_AUDIENCE');
  const issuer = environment('DAT_AUTH_JWT_ISSUER');
  let jwt = new SignJWT({ ...claims }).setProtectedHeader({ alg, typ: 'JWT' }).setSubject(sub).setIssuedAt();
  if (expires > 0) jwt = jwt.setExpirationTime(Math.floor(Date.now() / 1000) + expires);
  if (audience !== '') jwt = jwt.setAudience(audience);
  if (issuer !== '') jwt = jwt.setIssuer(issuer);
  return jwt.sign(key);
}
