import { describe, expect, it } from 'vitest';
import { SLICES_PER_STEP } from '../../src/owner/filter-jobs.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { recordLayout } from '../../src/records/layout.ts';
import {
  NO_WILL,
  writeActive,
  writeDeregister,
  writeLeave,
  writeMore,
  writeRegister,
  writeSynced,
  writeWill,
} from '../../src/records/requests.ts';
import { EventType } from '../../src/wire/events.ts';
import { nameOfSession as name } from './noted-link.ts';
import { CLUSTER_MS, OwnerRings } from './owner-rings.ts';

const STALE_MS = 60_000;
const online = (seq: number, device = 'dev-1'): string =>
  `event ${device} ${seq} status {"state":"online","reason":"connected"}`;

/** A subscriber on each edge that follows a device of the first one; what was told is read. */
function following() {
  const hub = new OwnerRings();
  const subscribers = [hub.join('subscriber', 's-0', 0), hub.join('subscriber', 's-1', 1)];
  for (const subscriber of subscribers) hub.ask(subscriber, 'subscribe', ['dev-1']);
  hub.poll();
  const device = hub.join('device', 'dev-1');
  hub.poll();
  hub.told();
  return { hub, device, subscribers };
}

describe('a poll', () => {
  it('works off at most so many records of each ring, and counts them', () => {
    const hub = new OwnerRings();
    for (const ring of hub.rings) for (let n = 0; n < 3; n++) writeActive(ring, { session: 64 });
    expect([hub.poll(2), hub.owner.hasRecords()]).toEqual([4, true]);
    expect([hub.poll(2), hub.owner.hasRecords()]).toEqual([2, false]);
    expect(hub.poll(2)).toBe(0);
    expect([hub.count('records'), hub.count('polls')]).toEqual([6, 3]);
  });

  it('gives the rings back what it has worked off', () => {
    const hub = new OwnerRings();
    writeActive(hub.rings[0]!, { session: 64 });
    hub.poll();
    expect(hub.rings[0]!.usedRatio()).toBe(0);
  });

  it('makes all visible before it gives back, and wakes edges after that', () => {
    const { hub, device } = following();
    hub.say(device, 'x');
    for (const link of hub.links) link.isNoting = true;
    const used: number[] = [];
    hub.links[1]!.commit = () => void used.push(hub.rings[0]!.usedRatio());
    hub.links[0]!.ring = () => void used.push(hub.rings[0]!.usedRatio());
    hub.poll();
    expect(hub.told()).toEqual(['event dev-1 2 message x', 'event dev-1 2 message x', 'commit', 'ring']);
    expect([used.length, used[0]! > 0, used[1]]).toEqual([2, true, 0]);
  });

  it('does what subscribers of later edges ask for before the events of earlier ones', () => {
    const hub = new OwnerRings();
    const device = hub.join('device', 'dev-1', 0);
    const session = hub.join('subscriber', 's', 1);
    hub.poll();
    hub.told();
    hub.say(device, 'x');
    hub.ask(session, 'subscribe', ['dev-1']);
    hub.poll();
    expect(hub.told()).toEqual([
      `answer ${name(session)} 1 dev-1=active`,
      `attach ${name(session)} dev-1 0`,
      'event dev-1 1 message x',
    ]);
  });

  it('fires the timers of devices and subscribers', () => {
    const { hub } = following();
    expect(hub.owner.untilNextTimerMs()).toBe(STALE_MS);
    hub.clock.advance(STALE_MS);
    expect(hub.owner.untilNextTimerMs()).toBe(0);
    expect(hub.poll()).toBeGreaterThan(2);
    expect(hub.state('dev-1')).toBe('stale');
    expect(hub.told().filter((line) => line.startsWith('notice')).length).toBe(2);
  });

  it('knows the nearer timer, of devices or subscribers', () => {
    const hub = new OwnerRings();
    expect(hub.owner.untilNextTimerMs()).toBe(Number.POSITIVE_INFINITY);
    hub.join('subscriber', 's');
    hub.poll();
    hub.clock.advance(100);
    expect(hub.owner.untilNextTimerMs()).toBe(STALE_MS - 100);
    hub.join('device', 'dev-1');
    hub.poll();
    expect(hub.owner.untilNextTimerMs()).toBe(STALE_MS - 100);
    const other = new OwnerRings();
    other.join('device', 'dev-1');
    other.poll();
    expect(other.owner.untilNextTimerMs()).toBe(STALE_MS);
  });

  it('goes on with what filters look for at once, but gives an edge time that is behind', () => {
    const hub = new OwnerRings({ devices: 10_000 });
    for (let n = 0; n < 10_000; n++) hub.owner.registry.ensureDeviceOf(`d${n}`);
    const session = hub.join('subscriber', 's');
    hub.ask(session, 'subscribe', ['none-*']);
    hub.poll();
    expect(hub.owner.untilNextTimerMs()).toBe(0);
    hub.links[0]!.isBehind = true;
    expect(hub.poll()).toBe(0);
    expect(hub.owner.untilNextTimerMs()).toBe(1);
    hub.links[0]!.isBehind = false;
    expect(hub.poll()).toBe(SLICES_PER_STEP);
    for (let polls = 0; polls < 10; polls++) hub.poll();
    expect(hub.owner.untilNextTimerMs()).toBe(STALE_MS);
  });

  it('lets what one edge joins and leaves have its turn, and is to go on at once', () => {
    const { hub, device } = following();
    for (let n = 0; n < 300; n++) writeLeave(hub.rings[1]!, { session: 1, clean: true });
    hub.say(device, 'x');
    hub.poll();
    expect([hub.told().length, hub.owner.isCutShort, hub.owner.hasRecords()]).toEqual([2, true, true]);
    hub.poll();
    expect([hub.owner.isCutShort, hub.owner.hasRecords()]).toEqual([false, false]);
  });

  it('takes one request for all devices at a time', () => {
    const { hub, subscribers } = following();
    for (let n = 0; n < 2; n++) hub.ask(subscribers[0]!, 'list');
    hub.poll();
    expect([hub.told().length, hub.owner.hasRecords()]).toEqual([1, true]);
    hub.poll();
    expect(hub.told().length).toBe(1);
  });

  it('takes at most a thousand devices of pages, too', () => {
    const { hub, subscribers } = following();
    for (let n = 0; n < 2; n++) writeMore(hub.rings[0]!, { session: subscribers[0]!, request: 9 });
    hub.poll();
    expect(hub.owner.hasRecords()).toBe(true);
  });

  it('says whether a ring holds something back', () => {
    const hub = new OwnerRings();
    expect(hub.owner.hasBacklog()).toBe(false);
    hub.links[1]!.hasBacklog = true;
    expect(hub.owner.hasBacklog()).toBe(true);
  });
});

describe('what an edge says', () => {
  it('concerns devices, subscribers and gateways that come and go', () => {
    const hub = new OwnerRings();
    const sessions = (['device', 'subscriber', 'gateway'] as const).map((kind) => hub.join(kind, 'a'));
    hub.poll();
    const [device, subscriber, gateway] = sessions.map(name);
    expect(hub.told()).toEqual([
      `joined ${device} slot-0`,
      `joined ${subscriber} slot-0`,
      `joined ${gateway} slot-4294967295`,
    ]);
    for (const session of sessions) writeLeave(hub.rings[0]!, { session, clean: true, confirm: true });
    hub.join('gateway', 'a', 1);
    hub.poll();
    // Nobody is replaced: they have left.
    expect(hub.told().filter((line) => line.startsWith('close'))).toEqual([]);
    expect([hub.state('a'), hub.owner.registry.subscriberOf('a')]).toEqual(['offline', -1]);
  });

  it('concerns gateways of one id on two edges', () => {
    const hub = new OwnerRings();
    const older = hub.join('gateway', 'a', 0);
    hub.poll();
    hub.join('gateway', 'a', 1);
    hub.poll();
    expect(hub.told().filter((line) => line.startsWith('close'))).toEqual([`close ${name(older)} 4004`]);
  });

  it('says of one that was silent that it was heard, be it a device or a subscriber', () => {
    const { hub, device, subscribers } = following();
    hub.pass(STALE_MS);
    hub.told();
    writeActive(hub.rings[0]!, { session: device });
    hub.poll();
    expect(hub.state('dev-1')).toBe('online');
    writeActive(hub.rings[1]!, { session: subscribers[1]! });
    hub.poll();
    expect(hub.told().filter((line) => line.includes('heard dev-1'))).toEqual([
      `notice ${name(subscribers[1]!)} heard dev-1=active`,
    ]);
  });

  it('says how long a subscriber is kept, and what a device leaves behind', () => {
    const { hub, device, subscribers } = following();
    const will = { ...NO_WILL, session: device, type: EventType.message, delayMs: 1000 };
    writeWill(hub.rings[0]!, { ...will, payload: Buffer.from('gone') });
    writeLeave(hub.rings[0]!, { session: subscribers[0]!, clean: false, keepMs: 0 });
    writeLeave(hub.rings[0]!, { session: device, clean: false });
    hub.poll();
    expect(hub.owner.registry.subscriberOf('s-0')).toBe(-1);
    hub.pass(1000);
    expect(hub.told()).toContain('event dev-1 2 message gone');
  });

  it('registers clients of MQTT, which are kept for their time', () => {
    const hub = new OwnerRings();
    const [ring] = hub.rings;
    writeRegister(ring!, { session: 64, id: 'c', clean: false, again: false, ticket: 1 });
    writeDeregister(ring!, { session: 64, id: 'c', keepMs: 5000, kept: 'state' });
    writeRegister(ring!, { session: 128, id: 'c', clean: false, again: false, ticket: 1 });
    writeDeregister(ring!, { session: 128, id: 'c', keepMs: 5000, kept: 'state' });
    hub.poll();
    expect(hub.told()).toEqual(['registered 1@0 undefined', 'registered 2@0 state']);
    hub.pass(7000);
    writeRegister(ring!, { session: 192, id: 'c', clean: false, again: false, ticket: 1 });
    hub.poll();
    expect(hub.told()).toEqual(['registered 3@0 undefined']);
  });

  it('goes on with a list when its reader is ready', () => {
    const hub = new OwnerRings({ sendQueueMaxBytes: 4 }); // a device fills a page
    const session = hub.join('subscriber', 's');
    hub.ask(session, 'subscribe', ['dev-1', 'dev-2']);
    hub.ask(session, 'list');
    hub.poll();
    hub.poll();
    expect(hub.told().at(-1)).toBe(`answer ${name(session)} 2 dev-2=active more`);
    writeMore(hub.rings[0]!, { session, request: 2 });
    hub.poll();
    expect(hub.told()).toEqual([`answer ${name(session)} 2 dev-1=active`]);
  });

  it('is no news where an edge that started anew says that it has said all', () => {
    const { hub } = following();
    writeSynced(hub.rings[0]!, { term: 0 });
    expect([hub.poll(), hub.told()]).toEqual([1, []]);
  });

  it('must be of a kind that is known', () => {
    const hub = new OwnerRings();
    recordLayout(201, { session: 'u32' }).write(hub.rings[0]!, { session: 64 });
    expect(() => hub.poll()).toThrow('record of kind 201 from an edge');
  });

  it('is taken in the order in which devices came, whatever else stands between', () => {
    const hub = new OwnerRings();
    const session = hub.join('subscriber', 's', 0);
    hub.ask(session, 'subscribe', ['dev-1', 'dev-2']);
    const first = hub.join('device', 'dev-1', 0);
    hub.say(first, 'a');
    const second = hub.join('device', 'dev-2', 1);
    hub.poll();
    expect(hub.told().filter((line) => line.startsWith('event') || line.startsWith('joined'))).toEqual([
      `joined ${name(session)} slot-0`,
      `joined ${name(first)} slot-0`,
      online(1),
      'event dev-1 2 message a',
      `joined ${name(second)} slot-1`,
      online(1, 'dev-2'),
    ]);
    expect(hub.owner.hasRecords()).toBe(false);
  });
});

describe('an edge that is gone', () => {
  it('has said what it said: that holds, and then everybody of it has left', () => {
    const { hub, device, subscribers } = following();
    hub.join('gateway', 'g', 0);
    writeRegister(hub.rings[0]!, { session: 6400, id: 'c', clean: false, again: false, ticket: 1 });
    hub.poll();
    hub.told();
    hub.say(device, 'last words');
    for (let n = 0; n < 3; n++) hub.ask(subscribers[0]!, 'list');
    hub.rings[0]!.commit();
    hub.owner.edgeGone(0);
    const { registry } = hub.owner;
    expect(hub.told().filter((line) => line.startsWith('event'))).toContain(
      'event dev-1 2 message last words',
    );
    expect([hub.owner.hasRecords(), hub.rings[0]!.usedRatio()]).toEqual([false, 0]);
    const { session } = registry.devices.rows;
    expect([session[0], registry.subscribers.rows.session[registry.subscriberOf('s-0')]]).toEqual([
      0xffffffff, 0xffffffff,
    ]);
    expect(registry.subscribers.rows.session[registry.subscriberOf('s-1')]).toBe(subscribers[1]);
    hub.pass(15_000);
    expect(hub.state('dev-1')).toBe('offline');
    // Neither a gateway nor a client is replaced by the next one.
    hub.join('gateway', 'g', 1);
    writeRegister(hub.rings[1]!, { session: 6401, id: 'c', clean: false, again: false, ticket: 1 });
    hub.poll();
    expect(hub.told().filter((line) => line.startsWith('close'))).toEqual([]);
  });
});

describe('a cluster', () => {
  it('takes what its link says, hears of devices, and has its turn at the end of each poll', () => {
    const hub = new OwnerRings({ hasCluster: true });
    writeActive(hub.rings[1]!, { session: 65 });
    writeSynced(hub.rings[1]!, { term: 0 });
    expect(hub.poll()).toBe(2);
    expect(hub.told()).toEqual(['take 4', 'flush']);
    const slot = hub.owner.registry.ensureDeviceOf('dev-1');
    hub.owner.registry.freeDevice(slot);
    expect(hub.told()).toEqual(['made 0', 'freed 0']);
    hub.owner.operate({ kind: ToOwner.Terminate, device: 'dev-1' });
    hub.owner.leaveAll();
    expect(hub.told()).toEqual(['flush', 'leave all']);
  });

  it('has times of its own', () => {
    const hub = new OwnerRings({ hasCluster: true });
    expect(hub.owner.untilNextTimerMs()).toBe(CLUSTER_MS);
    hub.join('subscriber', 's');
    hub.poll();
    hub.clock.advance(STALE_MS - 100);
    expect(hub.owner.untilNextTimerMs()).toBe(100);
  });
});

describe('the parts of the owner', () => {
  it('tell a device of its first listener, and a subscriber of what has gone with its device', () => {
    const hub = new OwnerRings();
    const device = hub.join('device', 'dev-1', 0, { interest: true });
    const session = hub.join('subscriber', 's', 1, { silenceMsMin: Number.POSITIVE_INFINITY });
    hub.ask(session, 'subscribe', ['dev-*']);
    for (let polls = 0; polls < 3; polls++) hub.poll();
    expect(hub.told()).toContain(`interest ${name(device)}`);
    writeLeave(hub.rings[0]!, { session: device, clean: true });
    hub.poll();
    hub.told();
    hub.clock.advance(300_000);
    for (let polls = 0; polls < 3; polls++) hub.poll();
    expect(hub.told()).toContain(`notice ${name(session)} gone dev-1=none`);
  });

  it('forget a subscriber once its rows have gone, and drop what a client of MQTT had that starts anew', () => {
    const hub = new OwnerRings();
    const { registry } = hub.owner;
    const session = hub.join('subscriber', 's');
    hub.ask(session, 'subscribe', ['dev-1']);
    hub.poll();
    const client = { session: 6400, id: 's', again: false, ticket: 1 };
    writeRegister(hub.rings[0]!, { ...client, clean: false });
    writeDeregister(hub.rings[0]!, { session: 6400, id: 's', keepMs: 5000, kept: 'state' });
    writeLeave(hub.rings[0]!, { session, clean: false });
    writeRegister(hub.rings[0]!, { ...client, session: 6464, clean: true, ticket: 2 });
    for (let polls = 0; polls < 3; polls++) hub.poll();
    expect(registry.subscriberOf('s')).toBe(-1);
  });

  it('restore what a snapshot has', () => {
    const hub = new OwnerRings();
    hub.owner.restorer.restore({ kind: 'pair', device: 'dev-1', subscriber: 's', access: 'deny' });
    expect(hub.owner.registry.rowState(0)).toBe(6);
  });
});

describe('an operator', () => {
  it('is answered when all that follows is visible', () => {
    const { hub } = following();
    for (const link of hub.links) link.isNoting = true;
    const result = hub.owner.operate({ kind: ToOwner.Terminate, device: 'dev-1' });
    expect([result, hub.told().slice(-4)]).toEqual([{ ok: true }, ['commit', 'commit', 'ring', 'ring']]);
  });

  it('may let the hub drain, which alone leaves nothing to others', () => {
    const { hub } = following();
    hub.owner.leaveAll();
    expect([hub.told(), hub.owner.isWhole]).toEqual([[], true]);
    for (const link of hub.links) link.isNoting = true;
    hub.owner.leaveAll();
    expect(hub.told()).toEqual(['commit', 'commit', 'ring', 'ring']);
  });
});
