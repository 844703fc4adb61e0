import { describe, expect, it } from 'vitest';
import { EventOrder } from '../../src/cluster/event-order.ts';
import { createLinkCounts } from '../../src/cluster/figures.ts';
import { createSource, type Source } from '../../src/cluster/follow.ts';
import type { ClusterHost } from '../../src/cluster/host.ts';
import { MOVING_BYTES_MAX } from '../../src/cluster/limits.ts';
import type { Peer } from '../../src/cluster/peer.ts';
import { eventOf } from './support/fake-host.ts';

const order = () => new EventOrder({} as ClusterHost, createLinkCounts());
const source = () => createSource({} as Peer, false);

/** @returns how many events there was room for, beside so many bytes */
function fill(held: EventOrder, of: Source, besides = 0): number {
  const [views, bytes] = eventOf(1, 1, 1);
  let events = 0;
  while (held.hold(of, views, 0, bytes)) events += 1;
  expect(events).toBe(Math.floor((MOVING_BYTES_MAX - besides) / bytes));
  return events;
}

describe('what a new home sent before the last event of the old one', () => {
  it('has room for so many bytes, of all devices together', () => {
    const held = order();
    const [one, other] = [source(), source()];
    fill(held, one);
    const [views, bytes] = eventOf(1, 2, 2);
    expect([held.hold(other, views, 0, bytes), other.held]).toEqual([false, []]);
  });

  it('is refused at the bound when it is a number up to which all came: nobody else says that it did', () => {
    const held = order();
    const one = source();
    expect(held.holdSeq(one, 7)).toBe(true);
    fill(held, source(), 64);
    expect([held.holdSeq(one, 8), one.held.map(({ seq }) => seq)]).toEqual([false, [7]]);
  });

  it('makes room when its home is followed no longer', () => {
    const held = order();
    const one = source();
    const events = fill(held, one);
    held.discard(one);
    expect([one.held, fill(held, source())]).toEqual([[], events]);
  });
});
