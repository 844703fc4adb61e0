import { describe, expect, it } from 'vitest';
import { readClaims } from '../../src/access/claims.ts';
import { TOKEN_PATTERNS_MAX } from '../../src/limits.ts';
import { ID_ACCEPTED } from '../../src/wire/id.ts';

describe('the claims of a token', () => {
  it('say who the peer is, and nothing more than they say', () => {
    expect(readClaims({ sub: 'dev-1', role: 'device' })).toEqual({
      ok: true,
      actor: { role: 'device', id: 'dev-1', devices: undefined, vip: false },
      expiresAt: undefined,
    });
  });

  it.each(['device', 'subscriber', 'gateway', 'admin'])('know the role %s', (role) =>
    expect(readClaims({ sub: 'a', role })).toMatchObject({ ok: true, actor: { role } }),
  );

  it.each([undefined, 'operator', 'Device', ''])('name no role of the hub by %j', (role) =>
    expect(readClaims({ sub: 'a', role })).toMatchObject({ ok: true, actor: { role: undefined } }),
  );

  it('may have a list of devices, be a vip and expire', () => {
    const read = readClaims({
      sub: 'a',
      role: 'subscriber',
      devices: ['a.*', 'b'],
      vip: true,
      exp: 1_764_000,
    });
    expect(read).toMatchObject({ ok: true, actor: { vip: true }, expiresAt: 1_764_000_000 });
    const { devices } = (read as { actor: { devices: { covers(id: string): boolean } } }).actor;
    expect(['a.1', 'b', 'c', 'b2'].map((id) => devices.covers(id))).toEqual([true, true, false, false]);
  });

  it('cover nothing by an empty list', () => {
    const read = readClaims({ sub: 'a', devices: [] });
    expect(read.ok && read.actor.devices?.covers('a')).toBe(false);
  });

  it('are not vip by false', () => {
    expect(readClaims({ sub: 'a', vip: false })).toMatchObject({ ok: true, actor: { vip: false } });
  });

  it.each([
    [{}, 'sub is missing'],
    [{ sub: 5 }, 'sub is missing'],
    [{ sub: 'a b' }, `sub is not an id: expected ${ID_ACCEPTED}`],
    [{ sub: 'a', role: 5 }, 'role is not a string'],
    [{ sub: 'a', role: null }, 'role is not a string'],
    [{ sub: 'a', devices: 'a' }, 'devices is not a list of ids and prefixes that end in *'],
    [{ sub: 'a', devices: null }, 'devices is not a list of ids and prefixes that end in *'],
    [{ sub: 'a', devices: ['a', 5] }, 'devices has an entry that is neither an id nor a prefix ending in *'],
    [{ sub: 'a', devices: ['a*b'] }, 'devices has an entry that is neither an id nor a prefix ending in *'],
    [
      { sub: 'a', devices: Array.from({ length: TOKEN_PATTERNS_MAX + 1 }, (_, n) => `d${n}`) },
      `devices names more than ${TOKEN_PATTERNS_MAX}`,
    ],
    [{ sub: 'a', vip: 'true' }, 'vip is not true or false'],
    [{ sub: 'a', vip: 1 }, 'vip is not true or false'],
  ])('of a wrong shape are refused: %#', (payload, message) =>
    expect(readClaims(payload)).toEqual({ ok: false, message }),
  );

  it.each([null, 'x', []])('are refused where they are no object: %j', (payload) =>
    expect(readClaims(payload).ok).toBe(false),
  );

  it('may name as many devices as are allowed', () => {
    const devices = Array.from({ length: TOKEN_PATTERNS_MAX }, (_, n) => `d${n}`);
    expect(readClaims({ sub: 'a', devices }).ok).toBe(true);
  });
});
