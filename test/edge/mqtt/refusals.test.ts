import { describe, expect, it } from 'vitest';
import type { Refused } from '../../../src/access/admission.ts';
import { closeReasonOf, connectRefusalOf, roleOf } from '../../../src/edge/mqtt/refusals.ts';

describe('a refusal of admission, in CONNACK', () => {
  it.each<[Refused['reason'], number, string]>([
    ['token', 401, 'badToken'],
    ['token', 503, 'unavailable'],
    ['id', 400, 'badId'],
    ['id', 403, 'notAllowed'],
    ['role', 403, 'notAllowed'],
    ['banned', 429, 'quota'],
    ['address_connections', 429, 'quota'],
    ['address_rate', 429, 'quota'],
    ['draining', 503, 'unavailable'],
  ])('%s with %i is %s', (reason, status, refusal) => {
    expect(connectRefusalOf({ ok: false, reason, status, message: '' })).toBe(refusal);
  });
});

describe('the reason of a close frame', () => {
  it('is cut at a character where it is too long', () => {
    expect(closeReasonOf('short')).toBe('short');
    expect(closeReasonOf('x'.repeat(123))).toHaveLength(123);
    expect(closeReasonOf('x'.repeat(124))).toHaveLength(123);
    expect(closeReasonOf('€'.repeat(50))).toBe('€'.repeat(41));
    expect(closeReasonOf(`x${'€'.repeat(50)}`)).toBe(`x${'€'.repeat(40)}`);
  });
});

describe('the role of an MQTT client', () => {
  it('is that of its token; none without authentication', () => {
    const actor = { id: 'a', devices: undefined, vip: false };
    for (const role of ['device', 'subscriber', 'gateway'] as const)
      expect(roleOf({ ...actor, role })).toBe(role);
    expect(roleOf({ ...actor, role: 'anyone' })).toBeUndefined();
  });
});
