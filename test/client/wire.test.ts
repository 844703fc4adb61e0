/** The client repeats what it needs of the wire: it must be what the hub has. */
import { describe, expect, it } from 'vitest';
import * as ofTheClient from '../../clients/js/src/wire.ts';
import { closes, errors, removals } from '../../src/codes.ts';
import * as limits from '../../src/limits.ts';
import * as events from '../../src/wire/events.ts';

describe('the wire as the client has it', () => {
  it('has the names, numbers and layouts of the hub', () => {
    // What of the hub's file the client has at all is the same.
    const shared = Object.entries(ofTheClient).filter(([name]) => name in events && name !== 'BinaryFlag');
    expect(shared.length).toBeGreaterThanOrEqual(10);
    expect(events).toMatchObject(Object.fromEntries(shared));
  });

  it('has the flags, bounds and codes of the hub', () => {
    expect(ofTheClient.BinaryFlag).toMatchObject(events.BinaryFlag);
    expect(ofTheClient.FRAME_DEVICES_MAX).toBe(limits.SUBSCRIBE_DEVICES_MAX);
    expect(ofTheClient.PONG_GRACE_MS).toBe(limits.PONG_GRACE_MS);
    expect(ofTheClient.CLOSE_HANDSHAKE_MS).toBe(limits.CLOSE_HANDSHAKE_MS);
    expect(ofTheClient.BAD_REQUEST).toBe(errors.badRequest.code);
    expect(ofTheClient.RATE_LIMIT).toBe(errors.rateLimit.code);
    expect(ofTheClient.INACTIVE_TOO_LONG).toBe(removals.inactiveTooLong.code);
  });

  it.each(Object.values(closes))('says of $code whether to come back: $retry', ({ code, retry }) => {
    expect(ofTheClient.retryAfterClose(code)).toBe(retry);
  });
});
