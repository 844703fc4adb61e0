/** How much an owner takes of one ring before others get their turn, and when it tidies up. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { HistoryLog } from '../../src/history/log.ts';
import { POLL_RECORDS_MAX, REQUEST_WORK_PER_POLL } from '../../src/limits.ts';
import { PollLimits } from '../../src/owner/poll-limits.ts';
import { ROWS_PER_STEP } from '../../src/owner/sweeps.ts';
import { writeActive, writeSynced } from '../../src/records/requests.ts';
import { nameOfSession as name } from './noted-link.ts';
import { OwnerRings } from './owner-rings.ts';
import { TwoEdges } from './two-edges.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** What a subscriber that comes back with so many rows has looked at: they and the slice itself. */
const lookedAt = (rows: number): number => rows + 16;

describe('subscribers that come back', () => {
  it('are let in while the rows of those before are few enough, and one of each edge in any case', () => {
    const ROWS = 752;
    const subscribers = Array.from({ length: 7 }, (_, n) => `s-${n}`);
    const hub = new OwnerRings({ devices: ROWS, subscriptions: subscribers.length * ROWS });
    for (const subscriber of subscribers)
      for (let n = 0; n < ROWS; n++)
        hub.owner.restorer.restore({ kind: 'pair', device: `d${n}`, subscriber, access: 'deny' });
    for (const [n, subscriber] of subscribers.entries()) hub.join('subscriber', subscriber, n < 5 ? 1 : 0);
    // Four of the second edge, which comes first, are exactly as many as may be.
    expect(4 * lookedAt(ROWS)).toBe(ROWS_PER_STEP + PollLimits.joinRows);
    hub.poll();
    const joined = hub.told();
    expect(joined.map((line) => line.split(' ')[1])).toEqual(['1@1', '2@1', '3@1', '4@1', '6@0']);
    expect(hub.owner.hasRecords()).toBe(true);
    hub.poll();
    expect(hub.told().map((line) => line.split(' ')[1])).toEqual(['5@1', '7@0']);
  });
});

describe('requests for all devices', () => {
  it('are taken of one edge in each poll, in turn', () => {
    const hub = new OwnerRings();
    const [first, second] = [hub.join('subscriber', 's-0', 0), hub.join('subscriber', 's-1', 1)];
    hub.poll();
    hub.told();
    for (let n = 0; n < 2; n++) for (const session of [first, second]) hub.ask(session, 'list');
    const told: string[][] = [];
    for (let n = 0; n < 4; n++) {
      hub.poll();
      told.push(hub.told());
    }
    expect(told).toEqual([
      [`answer ${name(second)} 2`],
      [`answer ${name(first)} 1`],
      [`answer ${name(second)} 4`],
      [`answer ${name(first)} 3`],
    ]);
  });
});

describe('before a device joins', () => {
  it('what other edges have said is taken, a few thousand records of each at most', () => {
    const hub = new OwnerRings();
    for (let n = 0; n < POLL_RECORDS_MAX + 3; n++) writeActive(hub.rings[1]!, { session: 65 });
    const device = hub.join('device', 'dev-1', 0);
    expect(hub.poll(1)).toBe(2); // one of each; others on the way to it
    expect(hub.told()).toEqual([`joined ${name(device)} slot-0`]);
    expect(hub.poll()).toBe(2);
  });

  it('what the link of a cluster has said waits for its own turn', () => {
    const hub = new OwnerRings({ hasCluster: true });
    for (let n = 0; n < 2; n++) writeActive(hub.rings[1]!, { session: 65 });
    const device = hub.join('device', 'dev-1', 0);
    hub.poll(1);
    expect(hub.told()).toEqual(['take 4', 'made 0', `joined ${name(device)} slot-0`, 'flush']);
    hub.poll(1);
    expect(hub.told()).toEqual(['take 4', 'flush']);
  });
});

it('as many devices join in one poll as may, with what they bring to those whose filters follow them', () => {
  const FOLLOWERS = 20;
  const hub = new OwnerRings({ devices: 100, subscriptions: 100 * FOLLOWERS });
  for (let n = 0; n < FOLLOWERS; n++) hub.ask(hub.join('subscriber', `s-${n}`, 0), 'subscribe', ['*']);
  for (let polls = 0; polls < 2 * FOLLOWERS; polls++) hub.poll();
  hub.told();
  for (let n = 0; n < 60; n++) hub.join('device', `dev-${n}`, 1);
  const work = PollLimits.joinWork + FOLLOWERS * PollLimits.gainWork;
  const joined = (): number => hub.told().filter((line) => line.startsWith('joined')).length;
  hub.poll();
  expect([joined(), hub.owner.isCutShort]).toEqual([Math.ceil(REQUEST_WORK_PER_POLL / work), true]);
  for (let polls = 0; polls < 60; polls++) hub.poll();
  expect(joined()).toBe(60 - Math.ceil(REQUEST_WORK_PER_POLL / work));
});

describe('the history', () => {
  it('is cleaned ahead by a poll that had nothing else to do', () => {
    const clean = vi.spyOn(HistoryLog.prototype, 'clean');
    const hub = new OwnerRings();
    writeActive(hub.rings[0]!, { session: 64 });
    hub.poll();
    expect(clean.mock.calls).toEqual([]);
    hub.poll();
    expect(clean.mock.calls).toEqual([[PollLimits.recordsCleanedWhenIdle]]);
  });

  it('is left alone while the owner takes over', () => {
    const clean = vi.spyOn(HistoryLog.prototype, 'clean');
    const hub = new OwnerRings({ after: new OwnerRings() });
    hub.poll();
    writeSynced(hub.rings[0]!, { term: 0 });
    hub.poll();
    hub.poll();
    expect(clean.mock.calls).toEqual([]);
    writeSynced(hub.rings[1]!, { term: 0 });
    hub.poll();
    hub.poll();
    expect(clean.mock.calls).toHaveLength(1);
  });
});

it('gives back what it has worked off of other edges when an edge is gone', () => {
  const hub = new TwoEdges();
  hub.connect(0, 'first');
  hub.connect(1, 'second');
  hub.commit();
  hub.owner.edgeGone(1);
  expect(hub.told(0)).toMatchObject([{ kind: 'joined' }]); // it came before the second
  expect([0, 1].map((edge) => hub.isRead(edge))).toEqual([true, true]);
});
