/** Subscribers with many subscriptions: what moves of them moves in slices. */
import { describe, expect, it } from 'vitest';
import { fromLink } from '../../../src/records/cluster.ts';
import { ToOwner } from '../../../src/records/commands.ts';
import { keptOf, keptParts } from '../../support/kept-subscribers.ts';
import { ClusterOwner } from './cluster-owner.ts';

const MANY = 1700;
const capacity = { devices: 4000, subscribers: 20, subscriptions: 8000 };
const rows = Array.from({ length: MANY }, (_, n) => ({ device: `dev-${n}`, paused: n % 2 === 1, types: 0 }));
const parts = keptParts({
  rows,
  filters: [{ filter: 'q-*', paused: false, types: 0 }],
  awayMs: 5,
});

/** This node has `ann`, who is not connected, with many subscriptions. */
function withMany(): ClusterOwner {
  const hub = new ClusterOwner({ capacity });
  hub.adopt('subscriber', 'ann', parts);
  hub.release('subscriber', 'ann');
  hub.settle();
  hub.hush();
  return hub;
}

/** What the link was told of `ann`, and what of it was handed over. */
function toldOf(hub: ClusterOwner) {
  const records = hub.records();
  const handed = records.filter(({ is }) => is === 'surrenderPart').map(({ part }) => part!);
  const names = ['surrendered', 'connected', 'disconnected', 'forget', 'hold'];
  return {
    is: records.map(({ is }) => is).filter((is) => names.includes(is)),
    kept: keptOf(handed),
  };
}

function countRows({ reader }: ClusterOwner, subscriber = 'ann'): number {
  const slot = reader.findSubscriber(subscriber);
  return slot < 0 ? 0 : reader.subscriptionSlotsOfSubscriber(slot, 0, 10_000).slots.length;
}

describe('A subscriber with many subscriptions that another node takes over', () => {
  it('is handed over in slices, between which others are served, and keeps all until all is told', () => {
    const hub = withMany();
    hub.surrender('subscriber', 'ann');
    const first = toldOf(hub);
    expect(first.is).toEqual([]);
    expect([first.kept.rows.length, first.kept.filters.length]).toEqual([1000, 1]);
    const bob = hub.connectSubscriber('bob');
    expect(hub.got()).toEqual([]);
    hub.adopt('subscriber', 'bob');
    hub.release('subscriber', 'bob');
    expect([bob > 0, hub.got()]).toEqual([true, ['joined bob']]);
    expect(countRows(hub)).toBeGreaterThan(0);
    hub.settle();
    const last = toldOf(hub);
    expect(last.is).toContain('surrendered');
    expect(countRows(hub)).toBe(0);
  });

  it('takes all of it along, once', () => {
    const hub = withMany();
    hub.surrender('subscriber', 'ann');
    hub.settle();
    const { is, kept } = toldOf(hub);
    expect(is).toEqual(['surrendered']);
    const byName = (one: { device: string }, other: { device: string }) =>
      one.device < other.device ? -1 : 1;
    expect([...kept.rows].sort(byName)).toEqual([...rows].sort(byName));
    expect(kept).toMatchObject({ filters: [{ filter: 'q-*' }], awayMs: 5 });
  });

  it('and connects here meanwhile claims its place when all is handed over, and has it back', () => {
    const hub = withMany();
    hub.surrender('subscriber', 'ann');
    hub.connectSubscriber('ann');
    expect(toldOf(hub).is).toEqual([]);
    hub.adopt('subscriber', 'ann', parts);
    hub.release('subscriber', 'ann');
    hub.settle();
    expect(toldOf(hub).is.slice(0, 2)).toEqual(['surrendered', 'connected']);
    expect(hub.got()[0]).toMatch(/^joined ann with /);
    expect(countRows(hub)).toBe(MANY);
  });

  it('and leaves again meanwhile claims nothing', () => {
    const hub = withMany();
    hub.surrender('subscriber', 'ann');
    hub.disconnect(hub.connectSubscriber('ann'));
    hub.settle();
    expect(toldOf(hub).is).toEqual(['disconnected', 'surrendered']);
  });

  it('stays when the link starts anew before all is told, and is handed over by the next', () => {
    const hub = withMany();
    hub.surrender('subscriber', 'ann');
    hub.told();
    hub.says(fromLink.hello, {});
    hub.settle();
    expect(toldOf(hub)).toEqual({ is: ['hold'], kept: { rows: [], filters: [], turns: [], awayMs: 0 } });
    expect(countRows(hub)).toBe(MANY);
    hub.surrender('subscriber', 'ann');
    hub.settle();
    const { is, kept } = toldOf(hub);
    expect([is, kept.rows.length]).toEqual([['surrendered'], MANY]);
  });

  it('stays when the link starts anew and asks for it again at once', () => {
    const hub = withMany();
    hub.surrender('subscriber', 'ann');
    hub.told();
    hub.hasSaid(fromLink.hello, {});
    hub.surrender('subscriber', 'ann');
    hub.settle();
    const { is, kept } = toldOf(hub);
    expect([is, kept.rows.length]).toEqual([['hold', 'surrendered'], MANY]);
    expect(countRows(hub)).toBe(0);
  });

  it('is gone, and nobody else loses anything, when an operator removes it meanwhile', () => {
    const hub = withMany();
    hub.surrender('subscriber', 'ann');
    hub.owner.operate({ kind: ToOwner.Kick, subscriber: 'ann', forget: true });
    hub.adopt('subscriber', 'bob', keptParts({ rows: rows.slice(0, 3), filters: [], awayMs: 0 }));
    hub.settle();
    expect(toldOf(hub).is).toContain('surrendered');
    expect(countRows(hub)).toBe(0);
    expect(countRows(hub, 'bob')).toBe(3);
  });
});

describe('A subscriber that comes with many subscriptions', () => {
  it('has them in slices, between which others are served, and is let in when all are there', () => {
    const hub = new ClusterOwner({ capacity });
    hub.connectSubscriber('ann');
    hub.adopt('subscriber', 'ann', parts);
    hub.release('subscriber', 'ann');
    expect(hub.got()).toEqual([]);
    expect(countRows(hub)).toBeLessThan(MANY);
    hub.settle();
    expect(hub.got()[0]).toMatch(/^joined ann with /);
    expect(countRows(hub)).toBe(MANY);
  });

  it('and connects anew meanwhile is let in when all are there, and the link goes on as before', () => {
    const hub = new ClusterOwner({ capacity });
    hub.adopt('subscriber', 'ann', parts);
    hub.connectSubscriber('ann');
    expect(hub.got()).toEqual([]);
    hub.release('subscriber', 'ann');
    hub.settle();
    expect(hub.got()[0]).toMatch(/^joined ann with /);
    expect(toldOf(hub).is).toEqual(['connected']);
    expect(countRows(hub)).toBe(MANY);
  });

  it('and is taken over again meanwhile takes all of them along', () => {
    const hub = new ClusterOwner({ capacity });
    hub.connectSubscriber('ann');
    hub.adopt('subscriber', 'ann', parts);
    hub.release('subscriber', 'ann');
    hub.surrender('subscriber', 'ann');
    hub.settle();
    const { is, kept } = toldOf(hub);
    expect([is.at(-1), kept.rows.length, kept.filters.length]).toEqual(['surrendered', MANY, 1]);
    expect([hub.got(), countRows(hub)]).toEqual([['closed ann 4004'], 0]);
  });

  it('gets no more of them once an operator has removed it', () => {
    const hub = new ClusterOwner({ capacity });
    hub.adopt('subscriber', 'ann', parts);
    hub.owner.operate({ kind: ToOwner.Kick, subscriber: 'ann', forget: false });
    hub.release('subscriber', 'ann');
    hub.settle();
    expect(countRows(hub)).toBe(0);
  });

  it('that was let in before they came is told of them page by page', () => {
    const hub = new ClusterOwner({ capacity });
    hub.connectSubscriber('ann');
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    expect(hub.got()).toEqual(['joined ann']);
    hub.adopt('subscriber', 'ann', parts, true);
    hub.settle();
    expect(hub.got()[0]).toMatch(/^resumed ann/);
    expect(countRows(hub)).toBe(MANY);
  });
});
