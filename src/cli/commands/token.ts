/** `dat token create` and `dat token inspect`. Secrets come from the environment or a file, never from a flag. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { readClaims } from '../../access/claims.ts';
import { isPattern, PATTERN_ACCEPTED } from '../../access/pattern.ts';
import { TOKEN_SKEW_MS } from '../../limits.ts';
import { environment } from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { jsonLine, line } from '../output.ts';
import { checkIds } from './follow.ts';

const SKEW_SECONDS = TOKEN_SKEW_MS / 1000;

export interface CreateOptions {
  readonly sub: string;
  readonly role: 'device' | 'subscriber' | 'admin';
  readonly devices?: readonly string[];
  readonly vip?: boolean;
  /** Seconds. */
  readonly expires: number;
  readonly keyFile?: string;
  readonly json?: boolean;
}

export async function create(options: CreateOptions): Promise<void> {
  const { sub, role, devices, vip, expires, keyFile } = options;
  checkIds([sub]);
  for (const pattern of devices ?? []) {
    if (!isPattern(pattern))
      throw new CliFailure(
        Exit.usage,
        `--devices: ${JSON.stringify(pattern)} is none of: ${PATTERN_ACCEPTED}`,
      );
  }
  if (role !== 'subscriber' && (devices !== undefined || vip))
    throw new CliFailure(Exit.usage, '--devices and --vip are for --role subscriber');
  const { key, alg } = keyFile === undefined ? sharedSecret() : privateKey(keyFile);
  const { DAT_AUTH_JWT_AUDIENCE: audience = '', DAT_AUTH_JWT_ISSUER: issuer = '' } = process.env;
  const claims = { role, ...(devices !== undefined && { devices }), ...(vip && { vip }) };
  let jwt = new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT' }).setSubject(sub).setIssuedAt();
  if (expires > 0) jwt = jwt.setExpirationTime(Math.floor(Date.now() / 1000) + expires);
  if (audience !== '') jwt = jwt.setAudience(audience);
  if (issuer !== '') jwt = jwt.setIssuer(issuer);
  const token = await jwt.sign(key);
  if (options.json) jsonLine({ token, ...claims, sub, expiresInSeconds: expires > 0 ? expires : null });
  else line(token);
}

function sharedSecret(): { key: Uint8Array; alg: string } {
  const secret = environment('DAT_AUTH_JWT_SECRET');
  if (secret === '') {
    throw new CliFailure(
      Exit.config,
      'no key to sign with: set DAT_AUTH_JWT_SECRET, or name a private key with --key-file',
    );
  }
  return { key: Buffer.from(secret), alg: 'HS256' };
}

/** RFC 7518, section 3.3. */
const RSA_BITS_MIN = 2048;
const algorithms: Readonly<Record<string, string>> = { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' };

function privateKey(path: string): { key: KeyObject; alg: string } {
  let key: KeyObject;
  try {
    key = createPrivateKey(readFileSync(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CliFailure(
      Exit.config,
      `--key-file ${path}: ${code === 'ENOENT' ? 'there is no such file' : 'no private key in PEM form'}`,
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
    `--key-file ${path}: ${found}; accepted: RSA of ${RSA_BITS_MIN} bits or more, EC P-256, Ed25519`,
  );
}

/** Shows what a token says; does not verify it. */
export function inspect(token: string, options: { readonly json?: boolean }): void {
  let header: { alg?: string; kid?: string };
  let payload: Record<string, unknown>;
  try {
    header = decodeProtectedHeader(token);
    payload = decodeJwt(token);
  } catch {
    throw new CliFailure(
      Exit.failed,
      'that is no token (JWT): three parts of base64url with dots between them',
    );
  }
  const claims = readClaims(payload);
  const { exp } = payload;
  const leftSeconds = typeof exp === 'number' ? Math.round(exp - Date.now() / 1000) : undefined;
  const problems = [
    ...(claims.ok ? [] : [claims.message]),
    ...(leftSeconds !== undefined && leftSeconds <= -SKEW_SECONDS
      ? [`it expired ${-leftSeconds} s ago`]
      : []),
  ];
  if (options.json) {
    jsonLine({ header, payload, leftSeconds: leftSeconds ?? null, problems });
  } else {
    line(
      `signed with ${header.alg ?? 'nothing'}${header.kid === undefined ? '' : `, key ${header.kid}`} (the signature is not checked here)`,
    );
    line(JSON.stringify(payload, undefined, 2));
    if (leftSeconds === undefined) line('it does not expire');
    else if (leftSeconds > 0) line(`it expires in ${leftSeconds} s`);
    else if (leftSeconds > -SKEW_SECONDS)
      line(`it expired ${-leftSeconds} s ago; hubs allow ${SKEW_SECONDS} s for clocks that differ`);
  }
  if (problems.length > 0)
    throw new CliFailure(Exit.failed, `a hub would not accept it: ${problems.join('; ')}`);
}
