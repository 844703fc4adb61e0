/** Who acts, and the one function that decides what an actor may do. Pure; every thread. */
import type { PeerRole, Role } from '../roles.ts';
import { isFilter } from './pattern.ts';
import type { PatternSet } from './pattern-set.ts';

/** An admitted peer. Without authentication, its own claims about itself count. */
export interface Actor {
  /**
   * `anyone`: authentication is off, and the peer did not say what it is (MQTT).
   * undefined: a valid token that names no role of the hub.
   */
  readonly role: Role | 'anyone' | undefined;
  readonly id: string;
  /** What a subscriber may follow, or a gateway may speak for; undefined: every device. */
  readonly devices: PatternSet | undefined;
  readonly vip: boolean;
}

/** What somebody wants to do. */
export type Action =
  /** Connect. A role or an id that is undefined is left to the token. */
  | { readonly kind: 'connect'; readonly role: PeerRole | undefined; readonly id: string | undefined }
  /** Get a device's events. */
  | { readonly kind: 'follow'; readonly device: string }
  /** Follow whatever starts with the prefix: whether that can be any device at all. Each device is asked for by itself. */
  | { readonly kind: 'followMatching'; readonly prefix: string }
  /** Publish as a device. */
  | { readonly kind: 'speakFor'; readonly device: string }
  /** Use the admin API. */
  | { readonly kind: 'operate' };

export type Verdict = 'allowed' | 'wrongRole' | 'otherId' | 'notCovered';

/**
 * Whether the actor may do this. Every path into the hub asks here, so nobody can act as another. Operators' rules are
 * applied in addition, by the owner.
 */
export function authorize(actor: Actor, action: Action): Verdict {
  switch (action.kind) {
    case 'connect':
      if (!mayConnect(actor, action.role)) return 'wrongRole';
      return action.id === undefined || action.id === actor.id ? 'allowed' : 'otherId';
    case 'follow':
      // Over MQTT a device may subscribe to its own topics.
      if (actor.role === 'device' && action.device === actor.id) return 'allowed';
      if (!isFollower(actor)) return 'wrongRole';
      return covered(actor.devices?.covers(action.device));
    case 'followMatching':
      if (!isFollower(actor)) return 'wrongRole';
      return covered(actor.devices?.coversSomeOf(action.prefix));
    case 'speakFor':
      return maySpeakFor(actor, action.device);
    case 'operate':
      return actor.role === 'admin' ? 'allowed' : 'wrongRole';
  }
}

/** Whether somebody may follow at all what a subscription names. @param name an id, or a prefix with its star */
export function mayFollow(actor: Actor, name: string): boolean {
  const action: Action = isFilter(name)
    ? { kind: 'followMatching', prefix: name.slice(0, -1) }
    : { kind: 'follow', device: name };
  return authorize(actor, action) === 'allowed';
}

function mayConnect({ role }: Actor, asked: PeerRole | undefined): boolean {
  if (role === 'anyone') return true;
  return asked === undefined ? role !== undefined && role !== 'admin' : role === asked;
}

function isFollower({ role }: Actor): boolean {
  return role === 'subscriber' || role === 'anyone';
}

function maySpeakFor({ role, id, devices }: Actor, device: string): Verdict {
  if (role === 'gateway') return covered(devices?.covers(device));
  if (role !== 'device' && role !== 'anyone') return 'wrongRole';
  return device === id ? 'allowed' : 'otherId';
}

/** @param covers undefined: there is no list, so every device is covered */
function covered(covers: boolean | undefined): Verdict {
  return covers === false ? 'notCovered' : 'allowed';
}
