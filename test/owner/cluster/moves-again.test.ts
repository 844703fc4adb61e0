/** Subscribers with many subscriptions that move, or whose connection changes, while what moves of them is under way. */
import { describe, expect, it } from 'vitest';
import { HomeKind } from '../../../src/cluster/records.ts';
import { ringBytesFor } from '../../../src/memory/ring.ts';
import { fromLink } from '../../../src/records/cluster.ts';
import { ToOwner } from '../../../src/records/commands.ts';
import { keptOf, keptParts } from '../../support/kept-subscribers.ts';
import { ClusterOwner } from './cluster-owner.ts';

const MANY = 1700;
const AWAY_MS = 5;
const ids = Array.from({ length: MANY }, (_, n) => `dev-${n}`);
const parts = keptParts({
  rows: ids.map((device) => ({ device, paused: false, types: 0 })),
  filters: [{ filter: 'q-*', paused: false, types: 0 }],
  awayMs: AWAY_MS,
});

function newHub(): ClusterOwner {
  const capacity = { devices: 4000, subscribers: 20, subscriptions: 8000 };
  return new ClusterOwner({ capacity, ringBytes: ringBytesFor(1024 * 1024) });
}

/** Rows of `ann`, by status. */
function rowsOf({ reader }: ClusterOwner): Record<string, number> {
  const counts: Record<string, number> = {};
  const slot = reader.findSubscriber('ann');
  if (slot < 0) return counts;
  for (const row of reader.subscriptionSlotsOfSubscriber(slot, 0, 10_000).slots) {
    const { status } = reader.subscription(row)!;
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

/** What the link was told of where `ann` is. */
function placeOf(hub: ClusterOwner): string[] {
  return hub.told().filter((line) => /^(connected|disconnected|hold|forget) subscriber ann$/.test(line));
}

/** This node has `ann`, whose connection was let in before what another node kept of it, of which the most is to come. */
function welcomedEarly(): { hub: ClusterOwner; ann: number } {
  const hub = newHub();
  const ann = hub.subscriber('ann');
  hub.hush();
  hub.adopt('subscriber', 'ann', parts, true);
  expect(rowsOf(hub)['inactive']).toBeLessThan(MANY);
  return { hub, ann };
}

describe('A subscriber whose subscriptions are on their way here', () => {
  it('and that is taken over again meanwhile was away for as long as it was', () => {
    const hub = newHub();
    hub.pass(100_000);
    hub.adopt('subscriber', 'ann', parts);
    hub.surrender('subscriber', 'ann');
    hub.settle();
    const handed = hub.records().filter(({ is }) => is === 'surrenderPart');
    const kept = keptOf(handed.map(({ part }) => part!));
    expect([kept.rows.length, kept.awayMs]).toEqual([MANY, AWAY_MS]);
  });

  it('and whose connection waits for them is kicked by an operator, and may come back', () => {
    const hub = newHub();
    hub.adopt('subscriber', 'ann', parts);
    hub.connectSubscriber('ann');
    hub.owner.operate({ kind: ToOwner.Kick, subscriber: 'ann', forget: false });
    hub.settle();
    expect(hub.got()).toEqual(['closed ann 4005']);
    hub.hush();
    hub.connectSubscriber('ann');
    expect(placeOf(hub)).toEqual(['connected subscriber ann']);
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    expect(hub.got()).toEqual(['joined ann']);
  });

  it('and whose older connection ends while a newer one waits for them stays connected', () => {
    const { hub, ann } = welcomedEarly();
    hub.connectSubscriber('ann');
    hub.disconnect(ann);
    hub.settle();
    expect(placeOf(hub)).toEqual(['connected subscriber ann']);
    expect(hub.got()[0]).toMatch(/^joined ann with /);
  });

  it('and whose newer connection ends while it waits for them stays connected', () => {
    const { hub } = welcomedEarly();
    hub.disconnect(hub.connectSubscriber('ann'));
    hub.settle();
    expect(placeOf(hub)).toEqual(['connected subscriber ann']);
  });

  it('and that leaves meanwhile keeps its place', () => {
    const { hub, ann } = welcomedEarly();
    hub.disconnect(ann);
    hub.settle();
    expect(placeOf(hub)).toEqual(['disconnected subscriber ann']);
    expect(rowsOf(hub)).toEqual({ inactive: MANY });
  });

  it('follows what its filters match, though the owner ended before they had all come', () => {
    const hub = newHub();
    const device = hub.home('q-1');
    const filters = [{ filter: 'q-*', paused: false, types: 0 }];
    const small = ids.slice(0, 100).map((id) => [{ device: id, paused: false, types: 0 }]);
    hub.adopt(
      'subscriber',
      'ann',
      small.flatMap((rows) => keptParts({ rows, filters, awayMs: 0 })),
    );
    expect(rowsOf(hub)['inactive']).toBeLessThan(100);
    hub.anotherOwner(device);
    hub.connectSubscriber('ann');
    hub.settle();
    expect(hub.row('q-1', 'ann')).toBe('active');
  });

  it('has no place here when nothing of it has come, nor is connected', () => {
    const hub = newHub();
    hub.adopt('subscriber', 'ann', keptParts({ rows: [], filters: [], awayMs: 0 }));
    hub.settle();
    expect(placeOf(hub)).toEqual(['forget subscriber ann']);
  });
});

describe('A subscriber whose subscriptions are on their way to another node', () => {
  it('and comes back before they have gone from here has its place here', () => {
    const hub = newHub();
    hub.adopt('subscriber', 'ann', parts);
    hub.release('subscriber', 'ann');
    hub.settle();
    hub.surrender('subscriber', 'ann');
    for (let polls = 0; polls < 10 && !hub.told().includes('surrendered subscriber ann 0'); polls++)
      hub.poll();
    expect(rowsOf(hub)['inactive']).toBeGreaterThan(0);
    const ann = { kind: HomeKind.subscriber, id: 'ann' };
    for (const part of parts) hub.hasSaid(fromLink.adoptPart, { ...ann, part });
    hub.hasSaid(fromLink.adopt, { ...ann, hasParts: true, late: false });
    hub.says(fromLink.release, ann);
    hub.settle();
    expect(placeOf(hub)).toEqual([]);
    expect(rowsOf(hub)).toEqual({ inactive: MANY });
  });

  it('is not connected any more, though the link starts anew and it stays', () => {
    const { hub, ann } = welcomedEarly();
    hub.settle();
    for (let at = 0; at < MANY; at += 1000) hub.ask(ann, 'subscribe', ids.slice(at, at + 1000));
    hub.pass(2000);
    hub.settle();
    expect(rowsOf(hub)).toEqual({ active: MANY });
    hub.surrender('subscriber', 'ann');
    hub.says(fromLink.hello, {});
    hub.settle();
    expect(rowsOf(hub)).toEqual({ inactive: MANY });
  });

  it('and has never been here is away from now on', () => {
    const hub = newHub();
    hub.setRow('dev-1', 'ann', 'active');
    hub.anotherOwner();
    hub.surrender('subscriber', 'ann');
    const part = hub.records().find(({ is }) => is === 'surrenderPart')!.part!;
    expect(keptOf([part])).toMatchObject({ rows: [{ device: 'dev-1' }], awayMs: 0 });
  });
});
