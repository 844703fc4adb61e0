import { describe, expect, it } from 'vitest';
import { SubscriberTimes } from '../../src/owner/subscriber-times.ts';

const SLOT = 7;
const times = (): SubscriberTimes =>
  new SubscriberTimes({ subscriberInactiveAfterMs: 60_000, subscriberRemoveAfterMs: 300_000 });

describe('the times of a subscriber', () => {
  it('are those of the settings, unless its protocol allows for more silence', () => {
    const all = times();
    all.connected(SLOT);
    expect([all.inactiveAfterMs(SLOT), all.removeAfterMs(SLOT)]).toEqual([60_000, 300_000]);
    all.connected(SLOT, 90_000);
    expect([all.inactiveAfterMs(SLOT), all.removeAfterMs(SLOT)]).toEqual([90_000, 300_000]);
    all.connected(SLOT, 3_600_000);
    expect(all.removeAfterMs(SLOT)).toBe(3_600_000);
    all.disconnected(SLOT);
    expect(all.removeAfterMs(SLOT)).toBe(300_000);
  });

  it('let one that is never silent be looked at from time to time all the same', () => {
    const all = times();
    all.connected(SLOT, Number.POSITIVE_INFINITY);
    expect(all.inactiveAfterMs(SLOT)).toBe(Number.POSITIVE_INFINITY);
    expect(all.lookAfterMs(SLOT, 1000)).toBe(60_000);
    all.connected(SLOT, 90_000);
    expect(all.lookAfterMs(SLOT, 1000)).toBe(89_000);
  });

  it('say until when something is held or kept', () => {
    const all = times();
    expect(all.heldUntilMs(SLOT)).toBe(Number.POSITIVE_INFINITY);
    expect(all.keptUntilMs(SLOT)).toBeUndefined();
    all.hold(SLOT, 5);
    all.keep(SLOT, 6);
    expect([all.heldUntilMs(SLOT), all.keptUntilMs(SLOT)]).toEqual([5, 6]);
    all.connected(SLOT);
    expect(all.keptUntilMs(SLOT)).toBeUndefined();
    all.disconnected(SLOT);
    expect(all.heldUntilMs(SLOT)).toBe(Number.POSITIVE_INFINITY);
  });

  it('are those of the settings again when what held or kept it is over', () => {
    const all = times();
    all.hold(SLOT, 5);
    all.endHold(SLOT);
    expect(all.heldUntilMs(SLOT)).toBe(Number.POSITIVE_INFINITY);
    all.keep(SLOT, 6);
    all.endKeep(SLOT);
    expect(all.keptUntilMs(SLOT)).toBeUndefined();
    all.connected(SLOT, 90_000);
    all.connected(SLOT);
    expect(all.inactiveAfterMs(SLOT)).toBe(60_000);
  });
});
