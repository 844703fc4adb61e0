/** Verifies tokens (JWT). One per thread that admits peers. Never logs a token and never puts one into a message. */
import { errors, type JWTVerifyOptions, jwtVerify } from 'jose';
import { TOKEN_CHARACTERS_MAX, TOKEN_SKEW_MS } from '../limits.ts';
import type { Actor } from './actor.ts';
import { readClaims } from './claims.ts';
import { keysOf, type TokenConfig, type TokenKey } from './keys.ts';

export type Verified =
  | {
      readonly ok: true;
      readonly actor: Actor;
      /** Wall-clock ms from which the token counts for nothing; undefined: never. */
      readonly expiresAt: number | undefined;
    }
  /** 503: the keys are not available now, so the token cannot be judged. */
  | { readonly ok: false; readonly status: 401 | 503; readonly message: string };

const EXPIRED = 'the token has expired';

export class Verifier {
  #keys: readonly TokenKey[] = [];
  #options: JWTVerifyOptions = {};
  readonly #wallNow: () => number;

  /** @param wallNow wall-clock ms */
  constructor(config: TokenConfig, wallNow: () => number) {
    this.#wallNow = wallNow;
    this.use(config);
  }

  /** Tokens are verified with these keys from now on. */
  use(config: TokenConfig): void {
    this.#keys = keysOf(config);
    this.#options = {
      clockTolerance: TOKEN_SKEW_MS / 1e3,
      ...(config.audience === '' ? {} : { audience: config.audience }),
      ...(config.issuer === '' ? {} : { issuer: config.issuer }),
    };
  }

  /** Never rejects. */
  async verify(token: string): Promise<Verified> {
    if (token.length > TOKEN_CHARACTERS_MAX) {
      return refused(`the token is longer than ${TOKEN_CHARACTERS_MAX} characters`);
    }
    const now = this.#wallNow();
    let failure: unknown;
    for (const { key, algorithms } of this.#keys) {
      const options = { ...this.#options, algorithms: [...algorithms], currentDate: new Date(now) };
      try {
        // The two overloads, for a key and for a set of keys, do the same.
        const { payload } = await jwtVerify(token, key as Uint8Array, options);
        const claims = readClaims(payload);
        if (!claims.ok) return refused(claims.message);
        const { actor, expiresAt } = claims;
        // The skew is for tokens that come early. One that has expired is closed with 4202 and must not come back.
        if (expiresAt !== undefined && expiresAt <= now) return refused(EXPIRED);
        return { ok: true, actor, expiresAt };
      } catch (error) {
        // A key that fits the signature has the last word; else the first key's reason stands.
        if (isAboutClaims(error)) return refusalFor(error);
        if (failure === undefined || isUnavailable(error)) failure = error;
      }
    }
    return refusalFor(failure);
  }
}

function isAboutClaims(error: unknown): boolean {
  return error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed;
}

/** Jose has no class of its own for an answer other than 200, and leaves what fetch throws as it is. */
function isUnavailable(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  return (
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === errors.JOSEError.code
  );
}

function refusalFor(error: unknown): Verified {
  if (error instanceof errors.JWTExpired) return refused(EXPIRED);
  if (error instanceof errors.JWTClaimValidationFailed)
    return refused(`the token's ${error.claim} is not accepted`);
  if (isUnavailable(error))
    return { ok: false, status: 503, message: 'the keys for tokens are not available right now' };
  return refused('this hub does not accept the token');
}

function refused(message: string): Verified {
  return { ok: false, status: 401, message };
}
