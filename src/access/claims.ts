/** Checks the claims of a verified token: a claim of the wrong shape must never count as absent. */
import { z } from 'zod';
import { TOKEN_PATTERNS_MAX } from '../limits.ts';
import { type Role, roles } from '../roles.ts';
import { ID_ACCEPTED, isId } from '../wire/id.ts';
import type { Actor } from './actor.ts';
import { isPattern } from './pattern.ts';
import { PatternSet } from './pattern-set.ts';

const claims = z.object({
  sub: z.string('sub is missing').refine(isId, `sub is not an id: expected ${ID_ACCEPTED}`),
  role: z.string('role is not a string').optional(),
  devices: z
    .array(z.string().refine(isPattern), 'devices is not a list of ids and prefixes that end in *')
    .max(TOKEN_PATTERNS_MAX, `devices names more than ${TOKEN_PATTERNS_MAX}`)
    .optional(),
  vip: z.boolean('vip is not true or false').optional(),
  exp: z.number().optional(),
});

const knownRoles: ReadonlySet<unknown> = new Set(roles);

export type ReadClaims =
  /** `expiresAt`: wall-clock ms, undefined when the token does not expire */
  | { readonly ok: true; readonly actor: Actor; readonly expiresAt: number | undefined }
  | { readonly ok: false; readonly message: string };

/** @param payload of a token whose signature and times are right */
export function readClaims(payload: unknown): ReadClaims {
  const read = claims.safeParse(payload);
  if (!read.success) {
    const issue = read.error.issues[0]!;
    const known = issue.path.length <= 1;
    return {
      ok: false,
      message: known ? issue.message : 'devices has an entry that is neither an id nor a prefix ending in *',
    };
  }
  const { sub, role, devices, vip, exp } = read.data;
  return {
    ok: true,
    actor: {
      role: knownRoles.has(role) ? (role as Role) : undefined,
      id: sub,
      devices: devices === undefined ? undefined : new PatternSet(devices),
      vip: vip ?? false,
    },
    expiresAt: exp === undefined ? undefined : exp * 1e3,
  };
}
