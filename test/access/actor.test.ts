import { describe, expect, it } from 'vitest';
import { type Actor, authorize } from '../../src/access/actor.ts';

const roles = ['device', 'subscriber', 'admin', undefined] as const;

function actor(role: Actor['role'], devices?: readonly string[]): Actor {
  return { role, id: 'peer-1', devices, vip: false };
}

describe('authorize', () => {
  it.each(['device', 'subscriber'] as const)(
    'lets nobody in as %s but one of that role, under its own id',
    (role) => {
      for (const own of roles) {
        for (const id of ['peer-1', undefined]) {
          const verdict = authorize(actor(own), { kind: 'enter', role, id });
          expect(verdict).toBe(own === role ? 'allowed' : 'wrongRole');
        }
      }
      for (const id of ['peer-2', 'peer-', 'PEER-1', '']) {
        expect(authorize(actor(role), { kind: 'enter', role, id })).toBe('otherId');
      }
    },
  );

  it('lets a subscriber follow what its list covers, everything without a list, nothing with an empty one', () => {
    const follow = (devices?: readonly string[]) =>
      authorize(actor('subscriber', devices), { kind: 'follow', device: 'dev-1' });
    expect(follow()).toBe('allowed');
    expect(follow(['dev-1'])).toBe('allowed');
    expect(follow(['other', 'dev-*'])).toBe('allowed');
    expect(follow(['dev-10', 'other'])).toBe('notCovered');
    expect(follow([])).toBe('notCovered');
  });

  it('lets nobody but a subscriber follow, and nobody but an admin operate', () => {
    for (const role of roles) {
      const follow = authorize(actor(role), { kind: 'follow', device: 'dev-1' });
      expect(follow).toBe(role === 'subscriber' ? 'allowed' : 'wrongRole');
      const operate = authorize(actor(role), { kind: 'operate' });
      expect(operate).toBe(role === 'admin' ? 'allowed' : 'wrongRole');
    }
  });
});
