/** Who acts, and the one place that says what they may do. Pure; every thread. */
import { matches } from './pattern.ts';

export type Role = 'device' | 'subscriber' | 'admin';

/** A peer that was let in. Without authentication it is whatever it says it is. */
export interface Actor {
  /** undefined: a good token that names no role of the hub */
  readonly role: Role | undefined;
  readonly id: string;
  /** What a subscriber may follow; undefined: everything. */
  readonly devices: readonly string[] | undefined;
  readonly vip: boolean;
}

/** What somebody wants to do. A device's frames name no device: to enter under an id is to publish as it. */
export type Deed =
  /** Connect under an id; `id` is what the peer asks for, undefined when it leaves that to its token. */
  | { readonly kind: 'enter'; readonly role: 'device' | 'subscriber'; readonly id: string | undefined }
  | { readonly kind: 'follow'; readonly device: string }
  /** Use the admin API. */
  | { readonly kind: 'operate' };

export type Verdict = 'allowed' | 'wrongRole' | 'otherId' | 'notCovered';

/** Nobody acts as another: each path into the hub asks here. Operators' rules come on top, in the owner. */
export function authorize(actor: Actor, deed: Deed): Verdict {
  switch (deed.kind) {
    case 'enter':
      if (actor.role !== deed.role) return 'wrongRole';
      return deed.id === undefined || deed.id === actor.id ? 'allowed' : 'otherId';
    case 'follow': {
      if (actor.role !== 'subscriber') return 'wrongRole';
      const { devices } = actor;
      const covered = devices === undefined || devices.some((pattern) => matches(pattern, deed.device));
      return covered ? 'allowed' : 'notCovered';
    }
    case 'operate':
      return actor.role === 'admin' ? 'allowed' : 'wrongRole';
  }
}
