import { describe, expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { DeviceSession } from '../../src/edge/publish/device-session.ts';
import { POLL_MS_MAX } from '../../src/limits.ts';
import { Counter } from '../../src/memory/counters.ts';
import { KEEP_AS_SET, SessionKind } from '../../src/records/requests.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { jsonDeviceCodec } from '../../src/wire/hub-frames.ts';
import { NO_PAST } from '../../src/wire/subscriber-ops.ts';
import { FakeThread } from './deliver/fake-thread.ts';
import { ADDRESS, openDevice, openGateway, welcome } from './edge-harness.ts';

/** What a record takes; a sum of these is exact. */
const STEP_MS = 0.125;

const list = (id: string) => ({ op: 'list', id, named: undefined, types: ALL_TYPES, past: NO_PAST }) as const;

describe('an edge', () => {
  it('looks at its sockets while it does what the owner says, however much that is', () => {
    const thread = new FakeThread({ sendQueueBytes: 1e6, sendQueueMaxBytes: 1e7 });
    expect(thread.edge.hasUnsent).toBe(false);
    const socket = thread.subscriber();
    const devices = Array.from({ length: 1000 }, (_, n) => n);
    for (const device of devices) thread.attach(socket, device);
    thread.event(999);
    const { clock } = thread;
    Object.defineProperty(clock, 'now', { value: () => (clock.nowMs += STEP_MS) }); // each record takes its time
    let polls = 0;
    do {
      const done = thread.edge.poll();
      polls += 1;
      expect(done).toBeGreaterThan(0);
      expect(done).toBeLessThanOrEqual(POLL_MS_MAX / STEP_MS);
      if (socket.topics.size < 1000) expect(thread.edge.hasUnsent).toBe(true);
    } while (thread.edge.hasRecords());
    expect(polls).toBeGreaterThan(10);
    thread.poll();
    expect(socket.topics.size).toBe(1000);
    expect(socket.news()).toBe('d999:1');
    expect(thread.edge.hasUnsent).toBe(false);
  });

  it('takes at most 4096 records in a poll, and does not take itself for caught up before the last', () => {
    const thread = new FakeThread({ sendQueueBytes: 1e6, sendQueueMaxBytes: 1e7 });
    for (let n = 0; n < 4097; n++) thread.event(0);
    expect([thread.edge.poll(), thread.edge.hasRecords()]).toEqual([4096, true]);
    expect([thread.edge.poll(), thread.edge.hasRecords()]).toEqual([1, false]);
  });

  it('shows the owner what waited for room as soon as there is some', () => {
    const thread = new FakeThread();
    const device = openDevice(thread);
    const name = 'x'.repeat(500_000); // a ring of 4 MiB takes eight
    const ask = { ...list(''), named: { devices: [name], filters: [], malformed: [] } };
    const sockets = Array.from({ length: 10 }, () => thread.subscriber());
    thread.owner.take();
    for (const { session } of sockets) thread.edge.request(session, ask, 0);
    expect(thread.edge.hasBacklog()).toBe(true);
    const requests = thread.owner.taken('request').length;
    expect(requests).toBeLessThan(10);
    thread.edge.poll();
    expect([thread.edge.hasBacklog(), requests + thread.owner.taken('request').length]).toEqual([false, 10]);
    expect(device.closeCode).toBeUndefined();
  });
});

describe('a peer that connects', () => {
  it.each([
    ['device', openDevice, 'deviceConnections', 'openedDevices'],
    ['gateway', openGateway, 'gatewayConnections', 'openedGateways'],
  ] as const)('is counted, told to the owner and let go of again: a %s', (role, open, now, ever) => {
    const thread = new FakeThread();
    const { edge, owner, clock, admission } = thread;
    clock.nowMs += 0.5;
    const { session } = open(thread, { id: 'peer' });
    expect([thread.count(now), thread.count(ever), edge.connectionCount]).toEqual([1, 1, 1]);
    expect(thread.counters.connections).toBe(1);
    expect(session.aliveAt).toBe(-Math.floor(clock.nowMs));
    expect(admission.state.addresses.connections(ADDRESS)).toBe(1);
    expect(owner.take()).toMatchObject([
      { record: 'join', session: session.number, kind: SessionKind[role], again: false, gateway: '' },
    ]);
    expect(edge.find(session.number)).toBe(session);
    expect([edge.deliverer.sessions.size, thread.count('mqttSessions')]).toEqual([0, 0]);
    edge.close(session, 1001, true);
    expect(thread.count('mqttSessions')).toBe(0);
    expect([thread.count(now), thread.count(ever), edge.connectionCount]).toEqual([0, 1, 0]);
    expect(Object.fromEntries(thread.counters.disconnects(role))).toMatchObject({ 1001: 1, 1006: 0 });
    expect(admission.state.addresses.connections(ADDRESS)).toBe(0);
    const { number } = session;
    expect(owner.take()).toEqual([
      { record: 'leave', session: number, clean: true, confirm: false, keepMs: KEEP_AS_SET },
    ]);
    expect([edge.find(number), session.closing]).toEqual([undefined, true]);
  });

  it('is watched from then until it leaves', () => {
    const thread = new FakeThread();
    const [device, gone] = [openDevice(thread), openDevice(thread)];
    thread.edge.close(gone.session, 1006, false);
    thread.clock.advance(60_000);
    thread.edge.liveness.tick();
    expect([device.closeCode, gone.closeCode]).toEqual([4201, undefined]);
  });

  it.each([
    ['under a generated id and says goodbye leaves nothing to be kept', true, 1000, true, 0],
    ['under a generated id and is lost may come back', true, 1006, false, KEEP_AS_SET],
    ['under its own id and says goodbye may come back', false, 1000, true, KEEP_AS_SET],
  ])('%s', (_what, idIsGenerated, code, clean, keepMs) => {
    const thread = new FakeThread();
    const { session } = openDevice(thread, { idIsGenerated });
    thread.owner.take();
    thread.edge.close(session, code, clean);
    expect(thread.owner.take()).toMatchObject([{ record: 'leave', clean, keepMs }]);
  });

  it('may have several roles over one connection, which others watch and close', () => {
    const thread = new FakeThread();
    const { edge, clock } = thread;
    clock.nowMs += 0.5;
    const session = new DeviceSession(
      {
        ok: true,
        actor: { role: 'device', id: 'dev', devices: undefined, vip: false },
        idIsGenerated: false,
        address: ADDRESS,
        expiresAt: 0,
      },
      edge.nextSession(),
      0,
      { codec: jsonDeviceCodec, wantsInterest: false },
    );
    const client = { close: () => {} };
    Object.defineProperty(session, 'closable', { value: client });
    const connection = { send: () => {}, close: () => {}, remoteAddress: '' } as never;
    edge.enter(session, connection);
    expect(session.aliveAt).toBe(-Math.floor(clock.nowMs));
    expect([thread.count('mqttSessions'), thread.count('deviceConnections')]).toEqual([1, 1]);
    expect(thread.admission.state.addresses.connections(ADDRESS)).toBe(0);
    expect(edge.startDraining(() => 0)).toEqual([client]);
    edge.leave(session, 1000, true);
    expect([thread.count('mqttSessions'), thread.count('deviceConnections')]).toEqual([0, 0]);
    session.aliveAt = 7;
    edge.enter(session, connection);
    expect(session.aliveAt).toBe(7);
  });

  it('is told to the journal where the log wants to know', () => {
    for (const logLevel of ['info', 'debug']) {
      const thread = new FakeThread({ logLevel });
      const { session } = openDevice(thread, { id: 'dev' });
      thread.clock.advance(1500);
      thread.edge.close(session, 4004, false);
      thread.tellJournal();
      expect(thread.journal).toMatchObject(
        logLevel === 'info'
          ? []
          : [
              { kind: 'connected', role: 'device', id: 'dev', address: '192.0.2.7' },
              { kind: 'disconnected', role: 'device', id: 'dev', code: 4004, afterMs: 1500 },
            ],
      );
    }
  });
});

describe('what the owner says of events', () => {
  it('goes to the device that sent them, and to no other kind of peer', () => {
    const thread = new FakeThread();
    const [device, socket] = [openDevice(thread), thread.subscriber()];
    welcome(thread, device);
    device.frames.length = socket.frames.length = 0;
    for (const { session } of [device, socket]) thread.link.ack(session.number, 7, false, Buffer.from('"a"'));
    thread.link.ack(device.session.number, 7, true, Buffer.from('5'));
    thread.link.ack(12_345, 7, true, Buffer.from('5'));
    thread.link.flush();
    thread.poll();
    expect(device.frames).toEqual([
      { op: 'ack', id: 'a', seq: 7 },
      { op: 'ack', id: 5, seq: 7, skipped: true },
    ]);
    expect(socket.frames).toEqual([]);
  });
});

describe('what an edge knows of connections', () => {
  it('is told of subscribers that are there', () => {
    const thread = new FakeThread();
    const [socket, device] = [thread.subscriber([], { binary: true }), openDevice(thread)];
    socket.queued = 17;
    const { number: session, connectedAt } = socket.session;
    expect(thread.edge.describe([session, device.session.number, 12_345])).toEqual([
      {
        session,
        address: '192.0.2.1',
        transport: 'websocket',
        encoding: 'binary',
        connectedAt,
        queuedBytes: 17,
      },
    ]);
  });
});

describe('a frame', () => {
  it('is looked at up to the limit, and closes its peer with 4000 beyond it', () => {
    const thread = new FakeThread({ maxMessageBytes: 100 });
    const { edge, clock } = thread;
    const socket = thread.subscriber();
    socket.frames.length = 0;
    expect(edge.accepts(socket.session, 100, clock.now())).toBe(true);
    expect([socket.frames, socket.closeCode]).toEqual([[], undefined]);
    expect(edge.accepts(socket.session, 101, clock.now())).toBe(false);
    expect(socket.frames).toEqual([
      { op: 'error', code: 106, message: 'frame of 101 bytes; expected at most 100' },
    ]);
    expect(socket.closeCode).toBe(4000);
    expect(thread.count('refusedFrames')).toBe(1);
    expect(edge.accepts(socket.session, 1, clock.now())).toBe(false);
  });

  it('of a peer whose token has expired closes it with 4202', () => {
    const thread = new FakeThread();
    const { edge, clock } = thread;
    const device = openDevice(thread, { expiresAt: clock.nowMs + 1 });
    expect(edge.accepts(device.session, 1, clock.now())).toBe(true);
    expect(edge.accepts(device.session, 1, clock.now() + 1)).toBe(false);
    expect(device.closeCode).toBe(4202);
  });

  it('that is refused while its peer is being closed is not answered', () => {
    const thread = new FakeThread();
    const device = openDevice(thread);
    welcome(thread, device);
    device.frames.length = 0;
    const problem = { code: 107, message: 'no', id: '1' };
    thread.edge.refuse(device.session, problem);
    expect(device.frames).toEqual([{ op: 'error', id: 1, code: 107, message: 'no' }]);
    device.session.closing = true;
    thread.edge.refuse(device.session, problem);
    expect([device.frames.length, thread.count('refusedFrames')]).toEqual([1, 1]);
    expect(Object.fromEntries(thread.counters.refusals())).toMatchObject({ 107: 1, 106: 0 });
  });

  it('that is refused may be the one that makes a subscriber slow', () => {
    const thread = new FakeThread();
    const socket = thread.subscriber([0]);
    socket.stalled = true;
    thread.edge.refuse(socket.session, { code: 107, message: 'x'.repeat(1000), id: '' });
    expect(thread.count('laggingSubscribers')).toBe(1);
  });
});

describe('a sign of life of a subscriber', () => {
  it('is noted in whole ms, and in the table where it counts for its subscriptions', () => {
    const thread = new FakeThread();
    const { edge, presence, owner } = thread;
    const { session } = thread.subscriber();
    const { rows } = presence.subscribers;
    owner.take();
    edge.heard(session, false, 5000.75);
    expect([session.aliveAt, rows.lastSeen[session.slot]]).toEqual([5000, 0n]);
    edge.heard(session, true, 6000.75);
    expect([session.aliveAt, rows.lastSeen[session.slot]]).toEqual([6000, 6000n]);
    expect(owner.take()).toEqual([]);
  });

  it('is told to an owner that has it down as silent', () => {
    const thread = new FakeThread();
    const { session } = thread.subscriber();
    thread.presence.subscribers.rows.silent[session.slot] = 1;
    thread.owner.take();
    thread.edge.heard(session, true, 6000);
    expect(thread.owner.take()).toEqual([{ record: 'active', session: session.number }]);
  });

  it('is not written anywhere before the owner has given it a row', () => {
    const thread = new FakeThread();
    const { session } = thread.subscriber();
    session.slot = 0xffffffff;
    expect(() => thread.edge.heard(session, true, 6000)).not.toThrow();
    expect(session.aliveAt).toBe(6000);
  });

  it('is a request that goes to the owner after it has waited', () => {
    const thread = new FakeThread();
    const { session } = thread.subscriber();
    thread.clock.nowMs += 100.5;
    thread.edge.request(session, list(''), 0);
    const { lastSeen } = thread.presence.subscribers.rows;
    expect(lastSeen[session.slot]).toBe(BigInt(Math.floor(thread.clock.nowMs)));
  });
});

describe('a drain', () => {
  it('tells each peer when to come back, and names those to be closed once each', () => {
    const thread = new FakeThread();
    const [socket, device] = [thread.subscriber(), openDevice(thread)];
    welcome(thread, device);
    let told = 0;
    const closable = thread.edge.startDraining(() => ++told * 100);
    expect(closable).toEqual([socket.session, device.session]);
    expect(socket.frames.at(-1)).toEqual({ op: 'draining', reconnectAfterMs: 100 });
    expect(device.frames.at(-1)).toEqual({ op: 'draining', reconnectAfterMs: 200 });
    expect(() => thread.subscriber()).toThrow('not let in');
    expect(thread.counters.cells[Counter.upgradesDraining]).toBe(1);
  });

  it('closes a peer that was let in before it and is connected only now', () => {
    const thread = new FakeThread();
    thread.edge.startDraining(() => 0);
    const late = openDevice(thread);
    expect(late.closeCode).toBe(closes.drain.code);
    expect(late.session.closing).toBe(true);
  });
});
