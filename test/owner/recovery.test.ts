import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Counter } from '../../src/memory/counters.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { OwnerHarness } from './owner-harness.ts';
import { TwoEdges } from './two-edges.ts';

const STALE_MS = 60_000;
const GRACE_MS = 15_000;
const REMOVE_MS = 300_000;
/** More than a timer may be late. */
const SLACK_MS = 200;

const deviceOf = (hub: OwnerHarness, id = 'dev-1') => {
  const slot = hub.reader.findDevice(id);
  return slot < 0 ? undefined : hub.reader.device(slot);
};
const eventsOf = (hub: OwnerHarness) => hub.received().filter(({ kind }) => kind === 'event');

/** Just before the time is over nothing has happened, and just after it has. */
function passes(hub: OwnerHarness, ms: number, state: () => unknown, before: unknown, after: unknown): void {
  hub.pass(ms - SLACK_MS);
  expect(state()).toEqual(before);
  hub.pass(2 * SLACK_MS);
  expect(state()).toEqual(after);
}

describe('the timers of an owner that takes over', () => {
  it('find a connected device stale when it has been silent for as long as it may be', () => {
    const hub = new OwnerHarness();
    hub.connectDevice('dev-1');
    hub.pass(STALE_MS / 2);
    hub.replaceOwner();
    passes(hub, STALE_MS / 2, () => deviceOf(hub)?.state, 'online', 'stale');
  });

  it('give a lost device its whole grace again, since it could not come back meanwhile', () => {
    const hub = new OwnerHarness();
    hub.ask(hub.connect('sub-1'), 'subscribe', ['dev-1']);
    hub.disconnect(hub.connectDevice('dev-1'));
    hub.pass(GRACE_MS - 1000);
    hub.replaceOwner();
    hub.received();
    passes(hub, GRACE_MS, () => deviceOf(hub)?.state, 'online', 'offline');
    expect(eventsOf(hub)).toHaveLength(1);
  });

  it('leave a device that is back within that grace as it was', () => {
    const hub = new OwnerHarness();
    hub.ask(hub.connect('sub-1'), 'subscribe', ['dev-1']);
    hub.disconnect(hub.connectDevice('dev-1'));
    hub.replaceOwner();
    hub.received();
    hub.pass(GRACE_MS - SLACK_MS);
    hub.connectDevice('dev-1');
    hub.pass(GRACE_MS);
    expect(deviceOf(hub)?.state).toBe('online');
    expect(eventsOf(hub)).toEqual([]);
  });

  it('remove a device that is offline and that nobody follows', () => {
    const hub = new OwnerHarness();
    hub.disconnect(hub.connectDevice('dev-1'));
    hub.pass(GRACE_MS + SLACK_MS);
    expect(deviceOf(hub)?.state).toBe('offline');
    hub.replaceOwner();
    passes(hub, REMOVE_MS, () => deviceOf(hub) === undefined, false, true);
  });

  it('keep a device that is offline and that somebody follows', () => {
    const hub = new OwnerHarness({ subscriberInactiveAfterMs: 1e9, subscriberRemoveAfterMs: 1e9 });
    hub.ask(hub.connect('sub-1'), 'subscribe', ['dev-1']);
    hub.disconnect(hub.connectDevice('dev-1'));
    hub.pass(GRACE_MS + SLACK_MS);
    hub.replaceOwner();
    hub.pass(2 * REMOVE_MS);
    expect(deviceOf(hub)?.state).toBe('offline');
  });

  it('find a subscriber silent when it has been so for as long as it may be, and remove it in time', () => {
    const hub = new OwnerHarness();
    hub.ask(hub.connect('sub-1'), 'subscribe', ['dev-1']);
    hub.pass(STALE_MS / 2);
    hub.replaceOwner();
    const status = () => hub.status('dev-1', 'sub-1');
    passes(hub, STALE_MS / 2, status, 'active', 'inactive/silent');
    hub.replaceOwner();
    expect(status()).toBe('inactive/silent');
    passes(hub, REMOVE_MS - STALE_MS - SLACK_MS, status, 'inactive/silent', undefined);
  });

  it('remove what a subscriber left when it has been gone for as long as it may be', () => {
    const hub = new OwnerHarness();
    const session = hub.connect('sub-1');
    hub.ask(session, 'subscribe', ['dev-1']);
    hub.disconnect(session);
    hub.pass(REMOVE_MS / 2);
    hub.replaceOwner();
    const status = () => hub.status('dev-1', 'sub-1');
    passes(hub, REMOVE_MS / 2, status, 'inactive/disconnected', undefined);
  });
});

describe('the edge, when another owner takes over,', () => {
  it('is asked first, told the last number of each device that its subscribers get, and then that this is all', () => {
    const hub = new OwnerHarness();
    const session = hub.connect('sub-1');
    hub.ask(session, 'subscribe', ['dev-1', 'dev-2', 'dev-3', 'dev-4']);
    for (const id of ['dev-1', 'dev-2', 'dev-2', 'dev-4']) hub.publish(id);
    hub.ask(session, 'pause', ['dev-4']);
    hub.received();
    expect(hub.takeovers).toEqual([]);
    hub.replaceOwner();
    hub.received();
    expect(hub.takeovers).toEqual(['resync', 'dev-1 1', 'dev-2 2', 'dev-3 0', 'resynced']);
  });

  it('gets events with the numbers that follow, of the same numbering', () => {
    const hub = new OwnerHarness();
    hub.ask(hub.connect('sub-1'), 'subscribe', ['dev-1']);
    hub.publish('dev-1');
    const epoch = deviceOf(hub)?.epoch;
    hub.replaceOwner();
    hub.received();
    hub.publish('dev-1');
    expect(eventsOf(hub)).toEqual([{ kind: 'event', device: 'dev-1', seq: 2 }]);
    expect(deviceOf(hub)?.epoch).toBe(epoch);
  });

  it('asks again what was not answered: the new owner does not answer it by itself', () => {
    const hub = new OwnerHarness();
    const session = hub.connect('sub-1');
    hub.received();
    hub.write(session, 'subscribe', ['dev-1']); // the owner dies before it looks
    hub.replaceOwner();
    expect(hub.received().filter(({ kind }) => kind === 'text')).toEqual([]);
    expect(hub.status('dev-1', 'sub-1')).toBeUndefined();
    expect(hub.ask(session, 'subscribe', ['dev-1']).devices).toMatchObject([{ device: 'dev-1' }]);
  });

  it('names whom it holds: others are disconnected', () => {
    const hub = new OwnerHarness();
    const [kept, lost] = [hub.connect('kept'), hub.connect('lost')];
    const [here, gone] = [hub.connectDevice('here'), hub.connectDevice('gone')];
    for (const session of [kept, lost]) hub.ask(session, 'subscribe', ['here']);
    hub.lose(lost);
    hub.lose(gone);
    hub.replaceOwner();
    expect([hub.status('here', 'kept'), hub.status('here', 'lost')]).toEqual([
      'active',
      'inactive/disconnected',
    ]);
    expect([deviceOf(hub, 'here')?.session, deviceOf(hub, 'gone')?.session]).toEqual([here, undefined]);
    passes(hub, GRACE_MS, () => deviceOf(hub, 'gone')?.state, 'online', 'offline');
  });
});

describe('an owner that has not heard of all edges', () => {
  function halfway(): { hub: TwoEdges; session: number } {
    const hub = new TwoEdges();
    const session = hub.connect(0, 'dev');
    hub.poll();
    hub.event(0, session, '1');
    hub.poll();
    hub.told(0);
    hub.replaceOwner();
    hub.rejoin(0, session, 'dev', true);
    hub.synced(0);
    hub.event(0, session, '2');
    hub.poll();
    return { hub, session };
  }

  it('carries out no command, lets no timer fire and takes no event', () => {
    const { hub } = halfway();
    expect(hub.owner.isWhole).toBe(false);
    hub.clock.nowMs += 2 * STALE_MS;
    hub.poll();
    expect(hub.told(0)).toEqual([{ kind: 'resync' }]);
    expect(hub.device('dev')).toMatchObject({ state: 'online', seq: 2 });
  });

  it('goes on when the last one has answered: with the events that waited, then with its timers', () => {
    const { hub, session } = halfway();
    hub.clock.nowMs += 2 * STALE_MS;
    hub.synced(1);
    hub.poll();
    hub.poll();
    expect(hub.owner.isWhole).toBe(true);
    expect(hub.told(0)).toEqual([{ kind: 'resync' }, { kind: 'ack', session, seq: 3 }]);
    expect(hub.device('dev')?.state).toBe('stale');
  });

  it('goes on when the last one is gone', () => {
    const { hub, session } = halfway();
    hub.owner.edgeGone(1);
    hub.poll();
    expect(hub.owner.isWhole).toBe(true);
    expect(hub.told(0)).toContainEqual({ kind: 'ack', session, seq: 3 });
  });

  it('is not further along for an edge that answers twice', () => {
    const { hub } = halfway();
    hub.synced(0);
    hub.poll();
    expect(hub.owner.isWhole).toBe(false);
  });
});

it('counts the events that its predecessor had taken and not given back as lost', () => {
  const hub = new TwoEdges();
  const session = hub.connect(0, 'dev');
  hub.poll();
  for (const ack of ['1', '2', '3']) hub.event(0, session, ack);
  hub.dieOver(0, 2);
  hub.replaceOwner();
  hub.rejoin(0, session, 'dev', true);
  for (const edge of [0, 1]) hub.synced(edge);
  hub.poll();
  expect(hub.counters.cells[Counter.droppedOwnerRestart]).toBe(2);
  expect(hub.told(0)).toContainEqual(expect.objectContaining({ kind: 'ack' }));
});

it('counts the events that its predecessor held, until all edges had named their sessions, as lost', () => {
  const hub = new TwoEdges();
  const session = hub.connect(0, 'dev');
  hub.poll();
  hub.replaceOwner();
  for (const ack of ['1', '2', '3']) hub.event(0, session, ack);
  hub.poll(); // it gives back what it holds
  expect(hub.isRead(0)).toBe(true);
  hub.replaceOwner();
  expect(hub.counters.cells[Counter.droppedOwnerRestart]).toBe(3);
  hub.rejoin(0, session, 'dev', true);
  hub.event(0, session, '4');
  for (const edge of [0, 1]) hub.synced(edge);
  hub.poll();
  expect(hub.told(0)).toContainEqual(expect.objectContaining({ kind: 'ack', session }));
  hub.replaceOwner();
  expect(hub.counters.cells[Counter.droppedOwnerRestart]).toBe(3);
});

it('counts each event once that its predecessor held, whether that had given it back or not', () => {
  const hub = new TwoEdges();
  const session = hub.connect(0, 'dev');
  hub.poll();
  hub.replaceOwner();
  hub.event(0, session, '1');
  hub.poll(); // it gives back what it holds
  for (const ack of ['2', '3']) hub.event(0, session, ack);
  vi.spyOn(hub.owner, 'flush').mockImplementation(() => {
    throw new Error('died');
  });
  expect(() => hub.poll()).toThrow('died');
  hub.replaceOwner();
  expect(hub.counters.cells[Counter.droppedOwnerRestart]).toBe(3);
});

it.each([
  ['and had given back: all but the first', true, 3],
  ['and had not given back: all of them', false, 4],
])(
  'counts the events as lost over which its predecessor died, which it had held %s',
  (_, isGivenBack, lost) => {
    const hub = new TwoEdges();
    const session = hub.connect(0, 'dev');
    hub.poll();
    hub.replaceOwner();
    hub.rejoin(0, session, 'dev', true);
    for (const ack of ['1', '2', '3']) hub.event(0, session, ack);
    if (isGivenBack) hub.poll();
    hub.event(0, session, '4');
    for (const edge of [0, 1]) hub.synced(edge);
    const ack = vi.spyOn(EdgeLink.prototype, 'ack');
    onTestFinished(() => ack.mockRestore());
    ack
      .mockImplementationOnce(() => undefined)
      .mockImplementationOnce(() => {
        throw new Error('died');
      });
    expect(() => hub.poll()).toThrow('died');
    hub.replaceOwner();
    expect(hub.counters.cells[Counter.droppedOwnerRestart]).toBe(lost);
  },
);
