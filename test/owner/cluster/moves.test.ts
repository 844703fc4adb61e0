import { describe, expect, it } from 'vitest';
import { fromLink } from '../../../src/records/cluster.ts';
import { ToOwner } from '../../../src/records/commands.ts';
import { typeBits } from '../../../src/wire/events.ts';
import { keptOf, keptParts } from '../../support/kept-subscribers.ts';
import { ClusterOwner } from './cluster-owner.ts';
import { type ClusterOptions, times } from './options.ts';

const row = (device: string, paused = false, types = 0) => ({ device, paused, types });
const filter = (name: string, paused = false, types = 0) => ({ filter: name, paused, types });
const kept = keptParts;

function withAnn(options: ClusterOptions = {}) {
  const hub = new ClusterOwner(options);
  const ann = hub.subscriber('ann');
  hub.hush();
  return { hub, ann };
}

/** `ann` waits to be let in. */
function waiting(options: ClusterOptions = {}) {
  const hub = new ClusterOwner(options);
  const ann = hub.connectSubscriber('ann');
  return { hub, ann };
}

/** Follows the device, which is nowhere. */
function follow(hub: ClusterOwner, session: number, id: string, types?: number): void {
  hub.ask(session, 'subscribe', [id], false, types);
  hub.says(fromLink.settled, { id, found: false });
}

function surrendered(hub: ClusterOwner) {
  const parts = hub.records().filter(({ is }) => is === 'surrenderPart');
  return keptOf(parts.map((part) => part.part!));
}

describe('A subscriber that connects', () => {
  it('waits until it is known what other nodes keep of it; what it asks meanwhile is answered then, in order', () => {
    const { hub, ann } = waiting();
    hub.ask(ann, 'list');
    hub.ask(ann, 'pause', ['dev-1']);
    expect(hub.told()).toEqual(['connected subscriber ann']);
    expect(hub.got()).toEqual([]);
    hub.adopt('subscriber', 'ann');
    expect(hub.got()).toEqual([]);
    hub.release('subscriber', 'ann');
    expect(hub.got()).toEqual(['joined ann', 'answer ann 1', 'answer ann 2 : !dev-1']);
    hub.ask(ann, 'list');
    expect(hub.got()).toEqual(['answer ann 3']);
  });

  it('is let in once, though its edge names it twice while it waits', () => {
    const { hub, ann } = waiting();
    hub.nameAgain(ann);
    expect(hub.told()).toEqual(['connected subscriber ann']);
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    hub.nameAgain(ann);
    expect(hub.got()).toEqual(['joined ann']);
  });

  it('is not let in when its edge has died meanwhile, and another connection is', () => {
    const { hub } = waiting();
    hub.hush();
    hub.owner.edgeGone(0);
    expect(hub.told()).toEqual(['disconnected subscriber ann']);
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    expect(hub.got()).toEqual([]);
    expect(hub.told()).toEqual(['forget subscriber ann']);
    hub.connectSubscriber('ann', 1);
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    expect(hub.got(0)).toEqual([]);
    expect(hub.got(1)).toEqual(['joined ann']);
  });

  it('may ask 64 things meanwhile', () => {
    const { hub, ann } = waiting();
    for (let n = 0; n < 70; n++) hub.ask(ann, 'pause', ['dev-1']);
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    expect(hub.got()).toHaveLength(1 + 64);
  });

  it('is let in at once where it is at home already', () => {
    const { hub, ann } = withAnn();
    follow(hub, ann, 'dev-1');
    hub.disconnect(ann);
    hub.hush();
    hub.connectSubscriber('ann');
    expect(hub.told()).toContain('connected subscriber ann');
    expect(hub.got()[0]).toMatch(/^joined ann with dev-1/);
  });

  it('with an id that the hub has made is let in at once, and has its home here without a claim', () => {
    const hub = new ClusterOwner();
    const made = hub.connectSubscriber('s-1', 0, { generated: true });
    expect(hub.got()).toEqual(['joined s-1']);
    hub.disconnect(made);
    expect(hub.told()).toEqual([
      'owned subscriber s-1',
      'disconnected subscriber s-1',
      'forget subscriber s-1',
    ]);
  });

  it('takes the place of an older connection that still waits', () => {
    const { hub, ann } = waiting();
    hub.ask(ann, 'list');
    const again = hub.connectSubscriber('ann', 1);
    expect(hub.got(0)).toEqual(['closed ann 4004']);
    hub.disconnect(ann);
    expect(hub.told()).toEqual(['connected subscriber ann']);
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    expect(hub.got(0)).toEqual([]);
    expect(hub.got(1)).toEqual(['joined ann']);
    hub.ask(again, 'list');
    expect(hub.got(1)).toEqual(['answer ann 2']);
  });

  it('gives way to a newer connection that still waits, though it is heard of later', () => {
    const hub = new ClusterOwner();
    hub.connectSubscriber('ann', 1, { ticket: 2 });
    const older = hub.connectSubscriber('ann', 0, { ticket: 1 });
    expect(hub.got(0)).toEqual(['closed ann 4004']);
    hub.disconnect(older);
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    expect(hub.got(1)).toEqual(['joined ann']);
    expect(hub.told()).toEqual(['connected subscriber ann']);
  });

  it('and leaves before it was let in is not let in', () => {
    const { hub, ann } = waiting();
    hub.told();
    hub.disconnect(ann);
    expect(hub.told()).toEqual(['disconnected subscriber ann']);
    hub.disconnect(ann);
    expect(hub.told()).toEqual([]);
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    expect(hub.told()).toEqual(['forget subscriber ann']);
    expect(hub.got()).toEqual([]);
  });

  it('finds no room: its id is free again', () => {
    const { hub } = withAnn({ capacity: { devices: 4, subscribers: 1, subscriptions: 4 } });
    hub.connectSubscriber('bob');
    hub.adopt('subscriber', 'bob');
    hub.release('subscriber', 'bob');
    expect(hub.told()).toEqual(['connected subscriber bob', 'forget subscriber bob']);
    expect(hub.got()).toEqual(['closed bob 4100']);
  });
});

describe('A subscriber that was let in', () => {
  it('and disconnects without subscriptions is forgotten', () => {
    const { hub, ann } = withAnn();
    hub.disconnect(ann);
    expect(hub.told()).toEqual(['disconnected subscriber ann', 'forget subscriber ann']);
  });

  it('keeps its place while its subscriptions are kept', () => {
    const { hub, ann } = withAnn();
    hub.home('dev-1');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.told();
    hub.disconnect(ann);
    expect(hub.told()).toEqual(['disconnected subscriber ann']);
    hub.pass(times.subscriberRemoveAfterMs - 10);
    expect(hub.told()).toEqual([]);
    hub.pass(10);
    expect(hub.told()).toEqual(['forget subscriber ann']);
  });
});

describe('What another node kept of a subscriber', () => {
  it('is there when it is let in: subscriptions, and pauses', () => {
    const { hub } = waiting();
    hub.adopt('subscriber', 'ann', kept({ rows: [row('dev-1'), row('dev-2', true)] }));
    hub.release('subscriber', 'ann');
    const epoch = hub.epoch('dev-1');
    expect(hub.got()).toEqual([
      `joined ann with dev-1 offline #0 of ${epoch} active`,
      'attach ann dev-1 after 0',
    ]);
    expect(hub.row('dev-2', 'ann')).toBe('inactive/paused');
    expect(hub.told()).toEqual([
      'connected subscriber ann',
      'want dev-1 waiting held',
      'want dev-2 idle held',
      'want dev-1 active held',
    ]);
  });

  it('is limited to the event types that it had', () => {
    const { hub } = waiting();
    const rows = [row('dev-1', false, typeBits.message << 1), row('dev-2')];
    hub.adopt('subscriber', 'ann', kept({ rows, filters: [filter('q-*', false, typeBits.pong << 1)] }));
    hub.release('subscriber', 'ann');
    hub.surrender('subscriber', 'ann');
    const { rows: back, filters } = surrendered(hub);
    expect(back).toEqual(expect.arrayContaining(rows));
    expect(filters).toEqual([filter('q-*', false, typeBits.pong << 1)]);
  });

  it('may be filters, which follow what they match', () => {
    const { hub } = waiting();
    hub.home('dev-1');
    const filters = [filter('dev-*'), filter('q-*', true)];
    hub.adopt('subscriber', 'ann', kept({ filters }));
    hub.hush();
    hub.release('subscriber', 'ann');
    hub.settle();
    expect(hub.got()).toEqual([
      'joined ann dev-*=2'.replace('ann ', 'ann with '),
      expect.stringMatching(/^page ann dev-\* dev-1 online/),
      expect.stringMatching(/^attach ann dev-1/),
    ]);
    hub.told();
    hub.surrender('subscriber', 'ann');
    expect(surrendered(hub).filters).toEqual(expect.arrayContaining(filters));
  });

  it('that comes after the second of waiting is told as resumed', () => {
    const { hub } = withAnn();
    hub.adopt('subscriber', 'ann', kept({ rows: [row('dev-1')] }), true);
    expect(hub.got()).toEqual([
      `resumed ann : dev-1 offline #0 of ${hub.epoch('dev-1')} active`,
      'attach ann dev-1 after 0',
    ]);
  });

  it('that comes late for one who wants to ask for it waits until it does', () => {
    const hub = new ClusterOwner();
    const ann = hub.connectSubscriber('ann', 0, { hold: true });
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    hub.hush();
    const parts = kept({ rows: [row('dev-1')], filters: [filter('x-*')] });
    hub.adopt('subscriber', 'ann', parts, true);
    hub.settle();
    expect(hub.got()).toEqual([]);
    expect(hub.row('dev-1', 'ann')).toBe('inactive/disconnected');
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.says(fromLink.settled, { id: 'dev-1', found: false });
    expect(hub.row('dev-1', 'ann')).toBe('active');
  });

  it('that comes late for one who wants nothing of it goes', () => {
    const hub = new ClusterOwner();
    hub.connectSubscriber('ann', 0, { fresh: true });
    hub.adopt('subscriber', 'ann');
    hub.release('subscriber', 'ann');
    hub.hush();
    hub.adopt('subscriber', 'ann', kept({ rows: [row('dev-1')], filters: [filter('x-*')] }), true);
    hub.settle();
    expect(hub.got()).toEqual([]);
    expect(hub.row('dev-1', 'ann')).toBeUndefined();
  });

  it('that comes late is for the connection there is, whatever an older one wanted', () => {
    const { hub } = withAnn({ capacity: { devices: 4, subscribers: 2, subscriptions: 8 } });
    const bob = hub.subscriber('bob');
    // For cid there is no room, and ann is replaced.
    hub.connectSubscriber('cid', 0, { fresh: true });
    hub.adopt('subscriber', 'cid');
    hub.release('subscriber', 'cid');
    hub.disconnect(bob);
    hub.subscriber('cid');
    hub.hush();
    hub.adopt('subscriber', 'cid', kept({ rows: [row('dev-1')] }), true);
    hub.settle();
    expect(hub.got()[0]).toMatch(/^resumed cid : dev-1/);
    hub.connectSubscriber('ann', 0, { hold: true });
    hub.connectSubscriber('ann');
    hub.hush();
    hub.adopt('subscriber', 'ann', kept({ rows: [row('dev-2')] }), true);
    hub.settle();
    expect(hub.got()[0]).toMatch(/^resumed ann : dev-2/);
    hub.connectSubscriber('ann', 0, { hold: true });
    hub.hush();
    hub.adopt('subscriber', 'ann', kept({ rows: [row('dev-3')] }), true);
    hub.settle();
    expect(hub.row('dev-3', 'ann')).toBe('inactive/disconnected');
  });

  it('leaves what the subscriber has done here since', () => {
    const { hub, ann } = withAnn();
    follow(hub, ann, 'dev-1');
    hub.ask(ann, 'subscribe', ['q-*']);
    hub.says(fromLink.listed, { prefix: 'q-', ids: '', done: true });
    hub.settle();
    hub.hush();
    hub.adopt(
      'subscriber',
      'ann',
      kept({ rows: [row('dev-1', true)], filters: [filter('q-*', true)] }),
      true,
    );
    hub.settle();
    expect(hub.row('dev-1', 'ann')).toBe('active');
    hub.surrender('subscriber', 'ann');
    expect(surrendered(hub)).toMatchObject({ rows: [row('dev-1')], filters: [filter('q-*')] });
  });

  it('does not undo what operators have set', () => {
    const { hub } = waiting();
    hub.setRow('dev-1', 'ann', 'deny');
    hub.setRow('dev-2', 'ann', 'allow');
    hub.adopt('subscriber', 'ann', kept({ rows: [row('dev-1'), row('dev-2', true)] }));
    expect(hub.row('dev-1', 'ann')).toBe('deny');
    expect(hub.row('dev-2', 'ann')).toBe('inactive/paused');
  });

  it('is removed in time as if it had been here all the while', () => {
    const hub = new ClusterOwner();
    hub.adopt('subscriber', 'ann', kept({ rows: [row('dev-1')], awayMs: 50_000 }));
    hub.release('subscriber', 'ann');
    expect(hub.told()).toEqual(['want dev-1 waiting held']);
    expect(hub.row('dev-1', 'ann')).toBe('inactive/disconnected');
    const slot = hub.reader.findSubscriber('ann');
    expect(hub.reader.subscriber(slot)!.lastSeen).toBe(hub.clock.nowMs - 50_000);
    hub.pass(times.subscriberRemoveAfterMs - 50_010);
    expect(hub.told()).toEqual([]);
    hub.pass(10);
    expect(hub.told()).toEqual(['forget subscriber ann', 'unwant dev-1']);
  });

  it('is removed with what was here already, which is newer', () => {
    const { hub, ann } = withAnn();
    follow(hub, ann, 'dev-1');
    hub.pass(1000);
    hub.disconnect(ann);
    hub.pass(1000);
    hub.adopt('subscriber', 'ann', kept({ rows: [row('dev-2')], awayMs: 50_000 }), true);
    hub.pass(times.subscriberRemoveAfterMs - 1010);
    expect([hub.row('dev-1', 'ann'), hub.row('dev-2', 'ann')]).toEqual([
      'inactive/disconnected',
      'inactive/disconnected',
    ]);
    hub.pass(10);
    expect([hub.row('dev-1', 'ann'), hub.row('dev-2', 'ann')]).toEqual([undefined, undefined]);
  });

  it('may be nothing: then no row is made of it', () => {
    const hub = new ClusterOwner();
    hub.adopt('subscriber', 'ann', kept({ awayMs: 5 }));
    expect(hub.reader.findSubscriber('ann')).toBe(-1);
    hub.release('subscriber', 'ann');
    expect(hub.told()).toEqual(['forget subscriber ann']);
    hub.release('subscriber', 'ann');
    expect(hub.told()).toEqual([]);
  });

  it('may be filters alone: its place stays here', () => {
    const hub = new ClusterOwner();
    hub.adopt('subscriber', 'ann', kept({ filters: [filter('q-*')] }));
    hub.release('subscriber', 'ann');
    expect(hub.told()).toEqual(['filter q-*']);
    hub.connectSubscriber('ann');
    expect(hub.got()).toEqual(['joined ann with q-*=2', 'page ann q-*']);
  });

  it('finds no room for some of its devices: the others are kept', () => {
    const { hub } = waiting({ capacity: { devices: 2, subscribers: 4, subscriptions: 8 } });
    hub.home('dev-0');
    hub.adopt('subscriber', 'ann', kept({ rows: [row('dev-1'), row('dev-2'), row('dev-0')] }));
    expect([0, 1, 2].map((n) => hub.row(`dev-${n}`, 'ann'))).toEqual([
      'inactive/disconnected',
      'inactive/disconnected',
      undefined,
    ]);
  });

  it('finds no room for the subscriber: nothing of it is kept', () => {
    const { hub } = withAnn({ capacity: { devices: 2, subscribers: 1, subscriptions: 8 } });
    hub.adopt('subscriber', 'bob', kept({ rows: [row('dev-1')] }));
    expect(hub.device('dev-1')).toBeUndefined();
  });
});

describe('A subscriber that another node takes over', () => {
  it.each([
    ['4004', false],
    ['4200 after a conflict', true],
  ])('is closed with %s, and what it kept is handed over', (code, conflict) => {
    const { hub, ann } = withAnn();
    follow(hub, ann, 'dev-1');
    hub.hush();
    hub.surrender('subscriber', 'ann', conflict);
    expect(hub.got()).toEqual([`closed ann ${code.slice(0, 4)}`]);
    expect(hub.told()).toEqual([
      'surrenderPart subscriber ann',
      'surrendered subscriber ann 0',
      'unwant dev-1',
    ]);
    expect(hub.row('dev-1', 'ann')).toBeUndefined();
  });

  it('takes along subscriptions by id, with types and pauses, and filters; what filters follow is found anew', () => {
    const { hub, ann } = withAnn();
    hub.home('q-1');
    follow(hub, ann, 'dev-1', typeBits.message);
    follow(hub, ann, 'dev-2');
    hub.ask(ann, 'pause', ['dev-2']);
    hub.ask(ann, 'subscribe', ['q-*'], false, typeBits.pong);
    hub.says(fromLink.listed, { prefix: 'q-', ids: '', done: true });
    hub.settle();
    expect(hub.row('q-1', 'ann')).toBe('active');
    hub.hush();
    hub.surrender('subscriber', 'ann');
    const { rows, filters, awayMs } = surrendered(hub);
    expect(rows).toEqual(
      expect.arrayContaining([row('dev-1', false, typeBits.message << 1), row('dev-2', true)]),
    );
    expect(rows).toHaveLength(2);
    expect(filters).toEqual([filter('q-*', false, typeBits.pong << 1)]);
    expect(awayMs).toBe(0);
    expect(hub.row('q-1', 'ann')).toBeUndefined();
  });

  it('tells how long it was away', () => {
    const { hub, ann } = withAnn();
    follow(hub, ann, 'dev-1');
    hub.disconnect(ann);
    hub.pass(1234);
    hub.told();
    hub.surrender('subscriber', 'ann');
    expect(surrendered(hub).awayMs).toBe(1234);
  });

  it('leaves here what operators have set', () => {
    const { hub, ann } = withAnn();
    hub.setRow('dev-1', 'ann', 'allow');
    hub.setRow('dev-2', 'ann', 'deny');
    follow(hub, ann, 'dev-1');
    hub.told();
    hub.surrender('subscriber', 'ann');
    expect(surrendered(hub).rows).toEqual([row('dev-1')]);
    expect([hub.row('dev-1', 'ann'), hub.row('dev-2', 'ann')]).toEqual(['allow', 'deny']);
  });

  it('without anything to keep hands nothing over', () => {
    const { hub } = withAnn();
    hub.surrender('subscriber', 'ann');
    expect(hub.told()).toEqual(['surrendered subscriber ann 0']);
  });

  it.each([
    [4004, false],
    [4200, true],
  ])('before it was let in is closed with %d', (code, conflict) => {
    const { hub, ann } = waiting();
    hub.told();
    hub.surrender('subscriber', 'ann', conflict);
    expect(hub.got()).toEqual([`closed ann ${code}`]);
    expect(hub.told()).toEqual(['surrendered subscriber ann 0']);
    hub.disconnect(ann);
    hub.release('subscriber', 'ann');
    expect(hub.told()).toEqual([]);
    expect(hub.got()).toEqual([]);
  });

  it('is claimed anew when it connects here again', () => {
    const { hub } = withAnn();
    hub.surrender('subscriber', 'ann');
    hub.hush();
    hub.connectSubscriber('ann');
    expect(hub.told()).toEqual(['connected subscriber ann']);
    expect(hub.got()).toEqual([]);
  });
});

describe('A subscriber that an operator removes', () => {
  const kick = (hub: ClusterOwner, subscriber: string) =>
    hub.owner.operate({ kind: ToOwner.Kick, subscriber, forget: false, number: 1007 });

  it('is at home here no more, though the word of an operator stays, and is claimed when it connects', () => {
    const { hub, ann } = withAnn();
    follow(hub, ann, 'dev-1');
    hub.setRow('dev-2', 'ann', 'deny');
    hub.hush();
    expect(kick(hub, 'ann')).toEqual({ ok: true });
    const told = hub.told();
    expect(told).toContain('kicked ann 1007');
    expect(told.indexOf('forget subscriber ann')).toBeGreaterThan(told.indexOf('kicked ann 1007'));
    hub.connectSubscriber('ann');
    expect(hub.told()).toEqual(['connected subscriber ann']);
  });

  it('is told to the link, though it is not here', () => {
    const hub = new ClusterOwner();
    hub.hush();
    expect(kick(hub, 'ann')).toMatchObject({ ok: false, why: 'not_found' });
    expect(hub.told()).toEqual(['kicked ann 1007']);
  });
});
