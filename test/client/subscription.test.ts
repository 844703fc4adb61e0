import { describe, expect, it } from 'vitest';
import { Subscription } from '../../clients/js/src/subscription.ts';

/** A subscription that was answered at `seq` on an earlier connection, and is being made again. */
function lostAt(seq: number): Subscription {
  const subscription = new Subscription();
  subscription.snapshot(seq);
  subscription.reconnected();
  return subscription;
}

describe('what was missed over a reconnect', () => {
  it('is what the device broadcast between the last event seen and the snapshot', () => {
    const subscription = lostAt(3);
    expect(subscription.snapshot(7)).toEqual({ from: 4, to: 7 });
  });

  it('is nothing when the count has not moved', () => {
    expect(lostAt(3).snapshot(3)).toBeUndefined();
  });

  it('is nothing the first time', () => {
    expect(new Subscription().snapshot(41)).toBeUndefined();
  });

  it('is told once', () => {
    const subscription = lostAt(3);
    subscription.snapshot(7);
    expect(subscription.snapshot(9)).toBeUndefined();
  });

  it('counts from the highest number seen, in whatever order events came', () => {
    const subscription = new Subscription();
    subscription.snapshot(1);
    for (const seq of [4, 2, 3]) subscription.seen(seq);
    subscription.reconnected();
    expect(subscription.snapshot(6)).toEqual({ from: 5, to: 6 });
  });

  it('ends before the first event of the new connection, which may come before the snapshot', () => {
    const subscription = lostAt(3);
    for (const seq of [8, 6, 7]) subscription.seen(seq);
    expect(subscription.snapshot(8)).toEqual({ from: 4, to: 5 });
  });

  it('is nothing when the new connection began with the next event', () => {
    const subscription = lostAt(3);
    subscription.seen(4);
    expect(subscription.snapshot(4)).toBeUndefined();
  });

  it('is all of a count that began anew', () => {
    expect(lostAt(300).snapshot(2)).toEqual({ from: 1, to: 2 });
    expect(lostAt(300).snapshot(0)).toBeUndefined();
  });

  it('reaches back to the last connection that was answered', () => {
    const subscription = lostAt(3);
    subscription.reconnected();
    expect(subscription.snapshot(5)).toEqual({ from: 4, to: 5 });
  });

  it('is nothing when nothing was expected', () => {
    const subscription = new Subscription();
    subscription.snapshot(3);
    subscription.forget();
    subscription.reconnected();
    expect(subscription.snapshot(7)).toBeUndefined();
  });
});
