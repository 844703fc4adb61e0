import { describe, expect, it } from 'vitest';
import { HomeKind } from '../../../src/cluster/records.ts';
import { fromLink } from '../../../src/records/cluster.ts';
import { recordLayout } from '../../../src/records/layout.ts';
import { keptParts } from '../../support/kept-subscribers.ts';
import { ClusterOwner } from './cluster-owner.ts';
import { entryPart } from './hand-overs.ts';
import { times } from './options.ts';

const { device: DEVICE, subscriber: SUBSCRIBER } = HomeKind;
const keptRow = (device: string) =>
  keptParts({ rows: [{ device, paused: false, types: 0 }], filters: [], awayMs: 0 })[0]!;

it('A record that the link cannot have written is a bug, and throws', () => {
  const hub = new ClusterOwner();
  expect(() => hub.says(recordLayout(99, {}), {})).toThrow('record of kind 99 from the cluster link');
});

describe('A link that has started', () => {
  it('is told, behind a mark, of every device and subscriber that is here', () => {
    const hub = new ClusterOwner();
    hub.home('dev-1');
    hub.disconnect(hub.home('dev-2'));
    hub.connectDevice('dev-3');
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1']);
    const bob = hub.subscriber('bob');
    hub.ask(bob, 'subscribe', ['dev-1']);
    hub.disconnect(bob);
    hub.connectSubscriber('cid');
    hub.hush();
    hub.says(fromLink.hello, {});
    expect(hub.told()).toEqual([
      'resynced',
      'connected device dev-1',
      'hold device dev-2',
      'connected device dev-3',
      'connected subscriber cid',
      'connected subscriber ann',
      'hold subscriber bob',
    ]);
  });

  it('is told nothing of ids that only subscribers or operators have named', () => {
    const hub = new ClusterOwner();
    hub.setRow('dev-1', 'ann', 'deny');
    hub.home('dev-2');
    hub.terminate('dev-2');
    hub.hush();
    hub.says(fromLink.hello, {});
    expect(hub.told()).toEqual(['resynced']);
  });

  it('is told anew of a device that waits, and what that has sent goes on waiting', () => {
    const hub = new ClusterOwner();
    const device = hub.connectDevice('dev-1');
    hub.send(device, {}, '7');
    hub.hush();
    hub.says(fromLink.hello, {});
    expect(hub.told()).toEqual(['resynced', 'connected device dev-1']);
    hub.adopt('device', 'dev-1');
    hub.release('device', 'dev-1');
    expect(hub.got()).toEqual(['ack dev-1 #2 skipped']);
  });

  it('has not brought the parts that came before', () => {
    const hub = new ClusterOwner();
    hub.says(fromLink.adoptPart, { kind: DEVICE, id: 'dev-1', part: entryPart({ seq: 70 }) });
    hub.says(fromLink.hello, {});
    hub.adopt('device', 'dev-1', [entryPart()]);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
  });
});

describe('Parts of what is handed over', () => {
  it('are put together by kind and id, and used once', () => {
    const hub = new ClusterOwner();
    hub.says(fromLink.adoptPart, { kind: DEVICE, id: 'x', part: entryPart() });
    hub.says(fromLink.adoptPart, { kind: SUBSCRIBER, id: 'x', part: keptRow('dev-1') });
    hub.says(fromLink.adoptPart, { kind: DEVICE, id: 'y', part: entryPart({ seq: 6 }) });
    hub.says(fromLink.adoptPart, { kind: SUBSCRIBER, id: 'x', part: keptRow('dev-2') });
    hub.adopt('device', 'x', []);
    hub.adopt('subscriber', 'x', []);
    hub.adopt('device', 'y', []);
    expect(hub.device('x')).toBe('online #5 of abc');
    expect(hub.device('y')).toBe('online #6 of abc');
    expect(['dev-1', 'dev-2'].map((id) => hub.row(id, 'x'))).toEqual([
      'inactive/disconnected',
      'inactive/disconnected',
    ]);
    hub.surrender('device', 'x');
    hub.adopt('device', 'x', []);
    expect(hub.device('x')).toMatch(/^offline #0/);
  });

  it('count for nothing when the link says that nothing was handed over', () => {
    const hub = new ClusterOwner();
    hub.says(fromLink.adoptPart, { kind: DEVICE, id: 'dev-1', part: entryPart() });
    hub.adopt('device', 'dev-1');
    expect(hub.device('dev-1')).toBeUndefined();
  });

  it('that are late change no device', () => {
    const hub = new ClusterOwner();
    hub.adopt('device', 'dev-1', [entryPart()]);
    hub.adopt('device', 'dev-1', [entryPart({ seq: 9 })], true);
    expect(hub.device('dev-1')).toBe('online #5 of abc');
  });
});

describe('A ping that decides a conflict', () => {
  it('goes out by the edge that holds the connection', () => {
    const hub = new ClusterOwner();
    hub.home('x', 0);
    hub.subscriber('x', 1);
    hub.hush();
    hub.says(fromLink.ping, { kind: DEVICE, id: 'x' });
    expect([hub.got(0), hub.got(1)]).toEqual([['probe x'], []]);
    hub.says(fromLink.ping, { kind: SUBSCRIBER, id: 'x' });
    expect([hub.got(0), hub.got(1)]).toEqual([[], ['probe x']]);
  });

  it('has nowhere to go without a connection', () => {
    const hub = new ClusterOwner();
    hub.setRow('dev-1', 'ann', 'deny');
    hub.says(fromLink.ping, { kind: DEVICE, id: 'dev-1' });
    hub.says(fromLink.ping, { kind: SUBSCRIBER, id: 'ann' });
    hub.says(fromLink.ping, { kind: DEVICE, id: 'dev-9' });
    expect(hub.got()).toEqual([]);
  });
});

describe('A hub that drains', () => {
  it('leaves to other nodes what it keeps without a connection', () => {
    const hub = new ClusterOwner();
    hub.home('dev-1');
    hub.disconnect(hub.home('dev-2'), true);
    hub.setRow('dev-3', 'zoe', 'deny'); // that a device has never used
    const [ann, bob] = [hub.subscriber('ann'), hub.subscriber('bob')];
    hub.ask(ann, 'subscribe', ['dev-2', 'dev-4']);
    hub.ask(bob, 'subscribe', ['dev-2']);
    hub.joined('dev-4');
    hub.disconnect(bob);
    hub.home('dev-5');
    hub.terminate('dev-5');
    hub.hush();
    hub.owner.leaveAll();
    expect(hub.told()).toEqual(['leave device dev-2', 'leave subscriber bob']);
  });
});

describe('The time until the owner has something to do', () => {
  it('is that of its own timers when the cluster waits for nothing', () => {
    const hub = new ClusterOwner();
    expect(hub.owner.untilNextTimerMs()).toBe(Number.POSITIVE_INFINITY);
    hub.adopt('device', 'dev-1', [entryPart()]);
    hub.release('device', 'dev-1');
    expect(hub.owner.untilNextTimerMs()).toBe(times.leaveGraceMs);
  });
});
