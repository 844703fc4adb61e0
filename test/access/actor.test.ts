import { describe, expect, it } from 'vitest';
import { type Actor, authorize, mayFollow } from '../../src/access/actor.ts';
import { PatternSet } from '../../src/access/pattern-set.ts';

const roles = ['device', 'subscriber', 'gateway', 'admin', undefined] as const;

function actor(role: Actor['role'], devices?: readonly string[]): Actor {
  const covered = devices === undefined ? undefined : new PatternSet(devices);
  return { role, id: 'peer-1', devices: covered, vip: false };
}

describe('authorize', () => {
  it.each(['device', 'subscriber', 'gateway'] as const)(
    'lets nobody in as %s but one of that role, under its own id',
    (role) => {
      for (const own of roles) {
        for (const id of ['peer-1', undefined]) {
          const verdict = authorize(actor(own), { kind: 'connect', role, id });
          expect(verdict).toBe(own === role ? 'allowed' : 'wrongRole');
        }
      }
      for (const id of ['peer-2', 'peer-', 'PEER-1', '']) {
        expect(authorize(actor(role), { kind: 'connect', role, id })).toBe('otherId');
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

  it('lets a device follow itself alone', () => {
    expect(authorize(actor('device'), { kind: 'follow', device: 'peer-1' })).toBe('allowed');
    expect(authorize(actor('device'), { kind: 'follow', device: 'peer-2' })).toBe('wrongRole');
    const others = actor('subscriber', ['dev-*']);
    expect(authorize(others, { kind: 'follow', device: 'peer-1' }), 'an id like its own').toBe('notCovered');
  });

  it('lets a subscriber follow a prefix when its list covers an id that it could match', () => {
    const follow = (prefix: string, devices?: readonly string[]) =>
      authorize(actor('subscriber', devices), { kind: 'followMatching', prefix });
    expect(follow('site-')).toBe('allowed');
    expect(follow('site-', ['site-a.*'])).toBe('allowed');
    expect(follow('site-a.1', ['site-a.*'])).toBe('allowed');
    expect(follow('', ['dev-1'])).toBe('allowed');
    expect(follow('dev-1', ['dev-1'])).toBe('allowed');
    expect(follow('dev-12', ['dev-1', 'site-*'])).toBe('notCovered');
    expect(follow('', [])).toBe('notCovered');
  });

  it('lets a device speak for itself, and a gateway for what its list covers', () => {
    const speak = (role: Actor['role'], device: string, devices?: readonly string[]) =>
      authorize(actor(role, devices), { kind: 'speakFor', device });
    expect(speak('device', 'peer-1')).toBe('allowed');
    expect(speak('device', 'peer-2')).toBe('otherId');
    expect(speak('gateway', 'dev-1', ['dev-*'])).toBe('allowed');
    expect(speak('gateway', 'other', ['dev-*'])).toBe('notCovered');
    expect(speak('gateway', 'peer-1', ['dev-*'])).toBe('notCovered');
    expect(speak('gateway', 'other')).toBe('allowed');
    expect(speak('subscriber', 'peer-1')).toBe('wrongRole');
    expect(speak('admin', 'peer-1')).toBe('wrongRole');
  });

  it('lets nobody but a subscriber follow a prefix', () => {
    for (const role of roles) {
      const verdict = authorize(actor(role), { kind: 'followMatching', prefix: 'dev-' });
      expect(verdict).toBe(role === 'subscriber' ? 'allowed' : 'wrongRole');
    }
  });

  it('leaves the role to the token where the peer names none', () => {
    const connect = (role: Actor['role']) =>
      authorize(actor(role), { kind: 'connect', role: undefined, id: undefined });
    for (const role of ['device', 'subscriber', 'gateway'] as const) expect(connect(role)).toBe('allowed');
    expect(connect('admin')).toBe('wrongRole');
    expect(connect(undefined)).toBe('wrongRole');
  });

  it('lets anyone connect, follow and speak for itself without authentication, and never operate', () => {
    const anyone = actor('anyone');
    expect(authorize(anyone, { kind: 'connect', role: 'device', id: 'peer-1' })).toBe('allowed');
    expect(authorize(anyone, { kind: 'follow', device: 'dev-1' })).toBe('allowed');
    expect(authorize(anyone, { kind: 'speakFor', device: 'peer-1' })).toBe('allowed');
    expect(authorize(anyone, { kind: 'speakFor', device: 'dev-1' })).toBe('otherId');
    expect(authorize(anyone, { kind: 'operate' })).toBe('wrongRole');
  });
});

describe('what a subscription names', () => {
  const may = (role: Actor['role'], name: string, devices?: readonly string[]) =>
    mayFollow(actor(role, devices), name);

  it('may be followed as an id that is covered, or as a prefix of one', () => {
    expect([may('subscriber', 'dev-1', ['dev-1']), may('subscriber', 'dev-2', ['dev-1'])]).toEqual([
      true,
      false,
    ]);
    expect([may('subscriber', 'dev-*', ['dev-1']), may('subscriber', 'cam-*', ['dev-1'])]).toEqual([
      true,
      false,
    ]);
    expect([may('subscriber', '*', ['dev-1']), may('subscriber', '*', [])]).toEqual([true, false]);
  });

  it('may be followed by those that follow at all', () => {
    expect(roles.map((role) => may(role, 'dev-1'))).toEqual(roles.map((role) => role === 'subscriber'));
    expect([may('device', 'peer-1'), may('device', 'peer-*'), may('anyone', '*')]).toEqual([
      true,
      false,
      true,
    ]);
  });
});
