/** How the admin API checks tokens other than the admin token. */
import { authorize } from '../access/actor.ts';
import type { Verifier } from '../access/verifier.ts';
import type { AdminDeps } from './deps.ts';

/** @param verifier undefined: no peer needs a token, so no token is judged */
export function adminTokens(verifier: Verifier | undefined): Pick<AdminDeps, 'verifyToken'> {
  if (verifier === undefined) return {};
  return {
    async verifyToken(token) {
      const verified = await verifier.verify(token);
      if (!verified.ok) return verified.status === 503 ? 'unknown' : 'invalid';
      const { actor } = verified;
      return authorize(actor, { kind: 'operate' }) === 'allowed' ? { operator: actor.id } : 'otherRole';
    },
  };
}
