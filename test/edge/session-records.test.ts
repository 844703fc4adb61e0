import { describe, expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import type { GatewayDevice } from '../../src/edge/publish/gateway-device.ts';
import { EntryWriter, Notice } from '../../src/records/replies.ts';
import { KEEP_AS_SET, SessionKind } from '../../src/records/requests.ts';
import { encodeKeptSession, UNSETTLED } from '../../src/wire/mqtt/kept.ts';
import { FakeThread, type SubscriberOptions } from './deliver/fake-thread.ts';
import { type FakeDevice, openDevice, openGateway, welcome } from './edge-harness.ts';

const afterImmediates = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** A page that names these devices. */
function pageOf(...devices: readonly string[]): Uint8Array {
  const page = new EntryWriter();
  const state = { rowState: 2, deviceState: 1, lastSeen: 0, seq: 0, epoch: 1, generation: 0 };
  for (const [deviceSlot, device] of devices.entries()) {
    const text = Buffer.from(device);
    page.add({ ...state, deviceSlot }, text, 0, text.length, 0, 0);
  }
  return page.take();
}

/** The owner says this. */
function say(thread: FakeThread, write: (link: FakeThread['link']) => void): void {
  write(thread.link);
  thread.link.flush();
  thread.poll();
}

function welcomed(thread: FakeThread, options = {}): FakeDevice {
  const device = openDevice(thread, options);
  welcome(thread, device);
  return device;
}

/** A subscriber that the owner has not let in yet. */
function newcomer(thread: FakeThread, options: SubscriberOptions = {}) {
  const socket = thread.connect(options);
  thread.owner.take();
  return socket;
}

describe('a device that is let in', () => {
  it('is welcomed, has its row, and is seen as of when it connected', () => {
    const thread = new FakeThread();
    const device = openDevice(thread, { id: 'dev' });
    thread.clock.advance(1000);
    welcome(thread, device, 3);
    expect(device.frames).toEqual([{ op: 'welcome', device: 'dev', pingIntervalMs: 25_000 }]);
    expect([device.session.slot, device.session.welcomed]).toEqual([3, true]);
    expect(thread.presence.devices.rows.lastSeen[3]).toBe(BigInt(thread.clock.nowMs - 1000));
  });

  it('is told whether anybody listens where it wants to know, and again when that changes', () => {
    const thread = new FakeThread();
    const device = welcomed(thread, { wantsInterest: true });
    expect(device.frames.splice(0).at(-1)).toEqual({ op: 'interest', active: false });
    thread.presence.devices.rows.active[0] = 1;
    say(thread, (link) => link.interest(device.session.number));
    expect(device.frames.splice(0)).toEqual([{ op: 'interest', active: true }]);
    device.session.closing = true;
    thread.presence.devices.rows.active[0] = 0;
    say(thread, (link) => link.interest(device.session.number));
    thread.clock.advance(10_000);
    thread.edge.interests.tick();
    expect(device.frames).toEqual([]);
  });

  it('pays for what its connection before left owing', () => {
    const thread = new FakeThread({ deviceRate: 10, deviceBurst: 10 });
    const { edge, clock } = thread;
    const [first, second] = [welcomed(thread, { id: 'dev' }), openDevice(thread, { id: 'dev' })];
    edge.charge(second.session, 1, clock.now());
    edge.charge(first.session, 9, clock.now());
    edge.keepAllowance(first.session);
    welcome(thread, second);
    expect(thread.usedMs(second.session)).toBe(1000);
  });

  it('is nobody once it is closing', () => {
    const thread = new FakeThread();
    const device = openDevice(thread);
    device.session.closing = true;
    welcome(thread, device);
    expect(device.frames).toEqual([]);
    expect(() => say(thread, (link) => link.joined(12_345, 0))).not.toThrow();
  });
});

describe('a gateway that is let in', () => {
  it('is welcomed, and has no row of a device', () => {
    const thread = new FakeThread();
    const gateway = openGateway(thread, { id: 'gw', wantsInterest: true });
    welcome(thread, gateway, 2);
    expect(gateway.frames).toEqual([{ op: 'welcome', gateway: 'gw', pingIntervalMs: 25_000 }]);
    expect(thread.presence.devices.rows.lastSeen[2]).toBe(0n);
    expect(() => say(thread, (link) => link.interest(gateway.session.number))).not.toThrow();
  });
});

describe('a subscriber that is let in', () => {
  it('is told what it has kept, and asks for more while there is more', () => {
    const thread = new FakeThread();
    const socket = newcomer(thread);
    const { number } = socket.session;
    say(thread, (link) => {
      link.joined(number, 4, false, pageOf('a', 'b'), true, [{ filter: 'x.*', value: 2 }]);
    });
    expect(socket.frames).toEqual([
      {
        op: 'welcome',
        subscriber: socket.session.id,
        pingIntervalMs: 25_000,
        resumed: ['a', 'b'],
        resumedFilters: ['x.*'],
        more: true,
      },
    ]);
    expect(socket.session.slot).toBe(4);
    expect(thread.owner.take()).toEqual([{ record: 'more', session: number, request: 0 }]);
    say(thread, (link) => link.notice(number, Notice.resumed, pageOf('c'), false));
    expect(socket.frames.at(-1)).toEqual({ op: 'resumed', devices: ['c'], more: false });
    expect(thread.owner.take()).toEqual([]);
  });

  it('pays for the rows that it is told of', () => {
    const thread = new FakeThread({ subscriberRate: 1, subscriberBurst: 10 });
    const { session } = newcomer(thread);
    say(thread, (link) => link.joined(session.number, 0, false, pageOf('a', 'b', 'c')));
    expect(thread.usedMs(session)).toBeCloseTo(60, 6);
  });

  it('is told that what it has kept is held where it asked for that', () => {
    const thread = new FakeThread();
    const socket = newcomer(thread, { query: '&hold=true' });
    say(thread, (link) => link.joined(socket.session.number, 0));
    expect(socket.frames).toMatchObject([{ op: 'welcome', resumed: [], held: true }]);
  });

  it('is a vip where the owner says so', () => {
    const thread = new FakeThread();
    const [vip, other] = [newcomer(thread), newcomer(thread)];
    say(thread, (link) => link.joined(vip.session.number, 0, true));
    say(thread, (link) => link.joined(other.session.number, 1, false));
    expect([vip.session.vip, other.session.vip]).toEqual([true, false]);
  });

  it('asks for what its URL names, once', () => {
    const thread = new FakeThread();
    const socket = newcomer(thread, { query: '&devices=a,b.*&types=message' });
    const { number } = socket.session;
    for (let n = 0; n < 2; n++) say(thread, (link) => link.joined(number, 0));
    expect(thread.owner.take()).toMatchObject([
      { record: 'request', session: number, op: 'subscribe', devices: ['a'], filters: ['b.*'], types: 2 },
    ]);
  });
});

describe('what a URL names', () => {
  it('costs as much as in a frame', () => {
    const thread = new FakeThread({ subscriberRate: 1, subscriberBurst: 10 });
    const { session } = newcomer(thread, { query: '&devices=a,b,c.*' });
    for (let n = 0; n < 2; n++) say(thread, (link) => link.joined(session.number, 0));
    expect(thread.usedMs(session)).toBeCloseTo(60, 6);
  });
});

describe('a peer whose connection the owner closes', () => {
  it('is told the code, and its next connection goes on with what it owes', () => {
    const thread = new FakeThread({ deviceRate: 10, deviceBurst: 10 });
    const { edge, clock } = thread;
    const device = welcomed(thread, { id: 'dev' });
    edge.charge(device.session, 9, clock.now());
    say(thread, (link) => link.close(device.session.number, closes.kicked));
    expect([device.closeCode, device.session.closing]).toEqual([4005, true]);
    const next = openDevice(thread, { id: 'dev' });
    expect(edge.charge(next.session, 2, clock.now())).toBe(false);
  });

  it('may have gone', () => {
    const thread = new FakeThread();
    expect(() => say(thread, (link) => link.close(12_345, closes.kicked))).not.toThrow();
    expect(() => say(thread, (link) => link.interest(12_345))).not.toThrow();
  });

  it('is pinged when the owner wants to know whether it is there', () => {
    const thread = new FakeThread();
    const device = welcomed(thread);
    say(thread, (link) => {
      link.probe(device.session.number);
      link.probe(12_345);
    });
    expect(device.pings).toBe(1);
  });
});

describe('a device that another edge takes over', () => {
  it('is let go of once what has come over its connection was read', async () => {
    const thread = new FakeThread({ deviceRate: 10, deviceBurst: 10 });
    const device = welcomed(thread, { id: 'dev' });
    const { number } = device.session;
    thread.edge.charge(device.session, 9, thread.clock.now());
    thread.owner.take();
    say(thread, (link) => link.release(number));
    expect([device.closeCode, thread.owner.take()]).toEqual([undefined, []]);
    await afterImmediates();
    expect(device.closeCode).toBe(closes.replaced.code);
    expect(thread.owner.take()).toEqual([
      { record: 'leave', session: number, clean: false, confirm: false, keepMs: KEEP_AS_SET },
    ]);
    const next = openDevice(thread, { id: 'dev' });
    expect(thread.edge.charge(next.session, 2, thread.clock.now())).toBe(false);
  });

  it('may be behind a gateway, which stays: the device leaves once', async () => {
    const thread = new FakeThread();
    const gateway = openGateway(thread);
    welcome(thread, gateway);
    const device = thread.edge.gateways.speak(gateway.session, 'dev', 0) as GatewayDevice;
    thread.owner.take();
    say(thread, (link) => link.release(device.number));
    await afterImmediates();
    expect(thread.owner.take()).toMatchObject([
      { record: 'leave', session: device.number, clean: false, confirm: true },
    ]);
    expect([gateway.closeCode, gateway.frames.at(-1)]).toEqual([
      undefined,
      { op: 'closed', device: 'dev', code: closes.replaced.code },
    ]);
    expect(thread.edge.find(device.number)).toBe(device);
    say(thread, (link) => link.left(device.number));
    expect(thread.edge.find(device.number)).toBeUndefined();
  });

  it('may have left by itself', async () => {
    const thread = new FakeThread();
    const { session } = welcomed(thread);
    say(thread, (link) => link.release(session.number));
    thread.edge.close(session, 1006, false);
    thread.owner.take();
    await afterImmediates();
    expect(thread.owner.take()).toEqual([]);
  });
});

describe('another owner', () => {
  it('is told whom this edge holds, and then that this was all', () => {
    const thread = new FakeThread();
    const [old, fresh, closing] = [
      welcomed(thread, { id: 'old' }),
      openDevice(thread, { id: 'fresh' }),
      openDevice(thread),
    ];
    const socket = thread.subscriber([0], { query: '&hold=true' });
    closing.session.closing = true;
    thread.owner.take();
    say(thread, (link) => link.resync());
    const told = thread.owner.take();
    expect(
      told.map(({ record, session, kind, again, hold }) => [record, session, kind, again, hold]),
    ).toEqual([
      ['join', old.session.number, SessionKind.device, true, false],
      ['join', fresh.session.number, SessionKind.device, false, false],
      ['join', socket.session.number, SessionKind.subscriber, true, true],
      ['synced', undefined, undefined, undefined, undefined],
    ]);
  });

  it('is told when each came, as the one before was: on a device behind a gateway, too', () => {
    const thread = new FakeThread();
    const gateway = openGateway(thread);
    welcome(thread, gateway);
    thread.edge.gateways.speak(gateway.session, 'dev', 0);
    const device = openDevice(thread);
    const ticketsOf = () =>
      new Map(thread.owner.taken('join').map(({ session, ticket }) => [session as number, ticket as number]));
    const joined = ticketsOf();
    expect([...joined.values()]).toEqual([1, 2, 3]);
    welcome(thread, device);
    say(thread, (link) => link.resync());
    expect(ticketsOf()).toEqual(joined);
  });

  it('says who gets what; what it does not name by the end is over', () => {
    const thread = new FakeThread();
    const socket = thread.subscriber([0, 1]);
    say(thread, (link) => link.resync());
    thread.attach(socket, 1);
    thread.events(0, 'normal');
    say(thread, (link) => link.resynced());
    thread.events(0, 'normal');
    thread.events(1, 'normal');
    expect(socket.news()).toBe('d0:1 d1:1');
    expect(socket.topics.size).toBe(1);
  });

  it('says up to which number devices have come: what was lost before is a gap', () => {
    const thread = new FakeThread();
    const socket = thread.subscriber([0]);
    thread.events(0, 'normal');
    say(thread, (link) => {
      link.seq(0, 1);
      link.seq(0, 4);
      link.seq(0, 3);
    });
    expect(socket.news()).toBe('d0:1 gap d0:2-4 overload');
  });

  it('says of events that did not come to this edge', () => {
    const thread = new FakeThread();
    const socket = thread.subscriber([0]);
    thread.overload(0, 3);
    thread.poll();
    expect(socket.news()).toBe('gap d0:1-3 overload');
  });

  it('may have listeners for devices that had none', () => {
    const thread = new FakeThread();
    const gateway = openGateway(thread, { wantsInterest: true });
    welcome(thread, gateway);
    const [device, closing] = [
      welcomed(thread, { wantsInterest: true }),
      welcomed(thread, { wantsInterest: true }),
    ];
    const behind = thread.edge.gateways.speak(gateway.session, 'dev', 0) as GatewayDevice;
    say(thread, (link) => link.joined(behind.number, 1));
    for (const { frames } of [device, closing, gateway]) frames.length = 0;
    closing.session.closing = true;
    thread.presence.devices.rows.active.fill(1);
    say(thread, (link) => link.resynced());
    expect(device.frames).toEqual([{ op: 'interest', active: true }]);
    expect(closing.frames).toEqual([]);
    expect(gateway.frames).toEqual([{ op: 'interest', device: 'dev', active: true }]);
  });

  it('is asked again what was not answered, and whose page was promised is told that none comes', () => {
    const thread = new FakeThread();
    const [asks, waits] = [thread.subscriber(), newcomer(thread)];
    say(thread, (link) => link.joined(waits.session.number, 1, false, pageOf('a'), true));
    thread.edge.request(
      asks.session,
      {
        op: 'list',
        id: '1',
        named: undefined,
        types: 15,
        past: { last: false, history: 0, since: new Map() },
      },
      0,
    );
    thread.owner.take();
    waits.frames.length = 0;
    say(thread, (link) => link.resync());
    expect(thread.owner.taken('request')).toMatchObject([{ session: asks.session.number, op: 'list' }]);
    say(thread, (link) => link.resynced());
    expect(waits.frames).toEqual([{ op: 'resumed', devices: [], more: false }]);
    say(thread, (link) => link.resynced());
    expect(waits.frames).toHaveLength(1);
  });
});

describe('an MQTT client that has gone when it gets its id', () => {
  const session = { subscriptions: [], packetIds: [7] };

  it.each([
    [
      'gives back what was kept for it, as of a session whose rows may have ended',
      encodeKeptSession({ ...session, scope: 's' }),
      encodeKeptSession({ ...session, scope: UNSETTLED }),
      300_000,
    ],
    ['leaves nothing where nothing was kept', undefined, '', 0],
  ])('%s', (_what, given, kept, keepMs) => {
    const thread = new FakeThread();
    say(thread, (link) => link.registered(77, 'c', given));
    expect(thread.owner.take()).toEqual([{ record: 'deregister', session: 77, id: 'c', kept, keepMs }]);
  });
});

describe('a record that no edge knows', () => {
  it('is a bug', () => {
    const thread = new FakeThread();
    thread.link.tell({ kind: 99, write: (ring) => void ring.claimControl(99, 8), read: () => ({}) }, {});
    thread.link.flush();
    expect(() => thread.edge.poll()).toThrow('record of kind 99 from the owner');
  });
});
