/**
 * What moved of a subscriber from node to node was not all that it had. A subscription of a pair that an operator had
 * allowed came without event types, so nothing of the device was delivered any more. A device that was paused, or
 * resumed, beneath a filter was followed in the filter's state. One that a filter followed at the new node already was
 * not a subscription by id there. What an MQTT client wanted kept for a short time was kept as long as all else, and what
 * came late for one that holds what it kept was held for good.
 */
import { describe, expect, it } from 'vitest';
import { fromLink } from '../../src/records/cluster.ts';
import { ALL_TYPES, typeBits } from '../../src/wire/events.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';
import { times } from '../owner/cluster/options.ts';
import { keptOf, keptParts } from '../support/kept-subscribers.ts';

const row = (device: string, paused = false, types = 0) => ({ device, paused, types });
const filter = (name: string, paused = false) => ({ filter: name, paused, types: 0 });

/** A filter whose devices are all here. */
function followAll(hub: ClusterOwner, session: number, prefix: string): void {
  hub.ask(session, 'subscribe', [`${prefix}*`]);
  hub.says(fromLink.listed, { prefix, ids: '', done: true });
  hub.settle();
}

function arrive(hub: ClusterOwner, parts: Uint8Array[]): void {
  hub.connectSubscriber('ann');
  hub.adopt('subscriber', 'ann', parts);
  hub.release('subscriber', 'ann');
  hub.settle();
}

/** Bits of the types that its only row delivers. */
function delivered(hub: ClusterOwner): number {
  const { slots } = hub.reader.subscriptionSlotsOfSubscriber(hub.reader.findSubscriber('ann'), 0, 10);
  return hub.reader.subscriptions.rows.types[slots[0]!]!;
}

function leave(hub: ClusterOwner): Uint8Array[] {
  hub.hush();
  hub.surrender('subscriber', 'ann');
  return hub
    .records()
    .filter(({ is }) => is === 'surrenderPart')
    .map(({ part }) => part!);
}

describe('A subscription of a pair that an operator has allowed', () => {
  it.each([
    ['all types', 0, ALL_TYPES],
    ['some types', typeBits.status << 1, typeBits.status],
  ])('gets %s of the device at the node to which its subscriber moves', (_, types, bits) => {
    const hub = new ClusterOwner();
    hub.setRow('dev-1', 'ann', 'allow');
    arrive(hub, keptParts({ rows: [row('dev-1', false, types)] }));
    expect(hub.row('dev-1', 'ann')).toBe('active');
    expect(delivered(hub)).toBe(bits);
    expect(keptOf(leave(hub)).rows).toEqual([row('dev-1', false, types)]);
  });
});

describe('A device that only filters follow', () => {
  it('and that was paused by itself stays so at the node to which its subscriber moves', () => {
    const from = new ClusterOwner();
    const ann = from.subscriber('ann');
    for (const id of ['q-1', 'q-2']) from.home(id);
    followAll(from, ann, 'q-');
    from.ask(ann, 'pause', ['q-1']);
    const hub = new ClusterOwner();
    for (const id of ['q-1', 'q-2']) hub.home(id);
    arrive(hub, leave(from));
    expect([hub.row('q-1', 'ann'), hub.row('q-2', 'ann')]).toEqual(['inactive/paused', 'active']);
    const again = new ClusterOwner();
    for (const id of ['q-1', 'q-2']) again.home(id);
    arrive(again, leave(hub));
    expect([again.row('q-1', 'ann'), again.row('q-2', 'ann')]).toEqual(['inactive/paused', 'active']);
  });

  it('and that was resumed by itself stays so there', () => {
    const from = new ClusterOwner();
    const ann = from.subscriber('ann');
    for (const id of ['q-1', 'q-2']) from.home(id);
    followAll(from, ann, 'q-');
    from.ask(ann, 'pause', ['q-*']);
    from.settle();
    from.ask(ann, 'resume', ['q-1']);
    from.settle();
    expect([from.row('q-1', 'ann'), from.row('q-2', 'ann')]).toEqual(['active', 'inactive/paused']);
    const hub = new ClusterOwner();
    for (const id of ['q-1', 'q-2']) hub.home(id);
    arrive(hub, leave(from));
    expect([hub.row('q-1', 'ann'), hub.row('q-2', 'ann')]).toEqual(['active', 'inactive/paused']);
  });

  it('does not hold on to its device there, and goes with the filter', () => {
    const hub = new ClusterOwner();
    hub.connectSubscriber('ann');
    hub.hush();
    hub.adopt(
      'subscriber',
      'ann',
      keptParts({ filters: [filter('q-*')], turns: [{ device: 'q-1', paused: true }] }),
    );
    expect(hub.told()).toEqual(['filter q-*', 'want q-1 idle']);
    const other = new ClusterOwner();
    other.adopt('subscriber', 'ann', keptParts({ turns: [{ device: 'q-1', paused: true }] }));
    expect(other.row('q-1', 'ann')).toBeUndefined();
  });

  it('is a subscription by id where it was one at the other node', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.home('q-1');
    followAll(hub, ann, 'q-');
    hub.adopt('subscriber', 'ann', keptParts({ rows: [row('q-1')] }), true);
    hub.settle();
    hub.ask(ann, 'unsubscribe', ['q-*']);
    hub.settle();
    expect(hub.row('q-1', 'ann')).toBe('active');
  });
});

describe('What is kept of a subscriber', () => {
  it('for a time of its own goes at that time, wherever it is by then', () => {
    const from = new ClusterOwner();
    const ann = from.subscriber('ann');
    from.home('dev-1');
    from.ask(ann, 'subscribe', ['dev-1']);
    from.disconnect(ann, true, 30_000);
    from.pass(10_000);
    const hub = new ClusterOwner();
    hub.adopt('subscriber', 'ann', leave(from));
    hub.release('subscriber', 'ann');
    hub.pass(19_900);
    expect(hub.row('dev-1', 'ann')).toBe('inactive/disconnected');
    hub.pass(200);
    expect(hub.reader.findSubscriber('ann')).toBe(-1);
  });

  it('in two places expires as what was left last', () => {
    const hub = new ClusterOwner();
    const parts = [150_000, 50_000].flatMap((awayMs) => keptParts({ rows: [row(`dev-${awayMs}`)], awayMs }));
    hub.adopt('subscriber', 'ann', parts);
    hub.release('subscriber', 'ann');
    hub.pass(times.subscriberRemoveAfterMs - 50_010);
    expect(hub.row('dev-150000', 'ann')).toBe('inactive/disconnected');
    hub.pass(10);
    expect(hub.reader.findSubscriber('ann')).toBe(-1);
  });

  it('and comes late for one that is to ask for it expires as if that had not come', () => {
    const hub = new ClusterOwner({ subscriberInactiveAfterMs: 10 * times.subscriberRemoveAfterMs });
    hub.connectSubscriber('ann', 0, { hold: true });
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    hub.pass(100);
    hub.adopt('subscriber', 'ann', keptParts({ rows: [row('dev-1')], awayMs: 50_000 }), true);
    hub.settle();
    hub.pass(times.subscriberRemoveAfterMs - 50_100);
    expect(hub.row('dev-1', 'ann')).toBe('inactive/disconnected');
    hub.hush();
    hub.pass(200);
    hub.settle();
    expect(hub.got()).toContainEqual(expect.stringMatching(/^inactiveTooLong ann : dev-1/));
    expect(hub.row('dev-1', 'ann')).toBeUndefined();
  });
});
