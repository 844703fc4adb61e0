/** An edge as a thread builds it on shared memory; the test plays the transport, the owner and main. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAdmissionMemory } from '../../src/access/admission-state.ts';
import type { TokenConfig } from '../../src/access/keys.ts';
import { createAllowances } from '../../src/edge/allowances.ts';
import { type AttachOptions, attachEdge } from '../../src/edge/attach.ts';
import type { JournalEntry } from '../../src/edge/journal.ts';
import { createEdgeMemory, type EdgeMemory } from '../../src/edge/memory.ts';
import { createHistory, HISTORY_BYTES_MIN } from '../../src/history/memory.ts';
import { STALL_MS, TRANSPORT_FRAME_FACTOR } from '../../src/limits.ts';
import { Counter, type CounterName, Counters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { beatOf } from '../../src/memory/heartbeat.ts';
import { RingConsumer, RingProducer } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { createPresence } from '../../src/presence/table.ts';
import { EVENT_KIND } from '../../src/records/event.ts';
import { edgeOf } from '../../src/records/sessions.ts';
import { createTickets } from '../../src/records/tickets.ts';
import type { Connection, Route } from '../../src/transport/transport.ts';
import type { Frame } from '../support/frames.ts';
import { OwnerRecords } from './owner-records.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const EDGE = 3;
const SECRET: TokenConfig = {
  secret: 'a secret of at least 32 characters',
  publicKey: '',
  jwksUrl: '',
  audience: '',
  issuer: '',
};

const SETTINGS: AttachOptions['settings'] = {
  pingIntervalMs: 25_000,
  maxMessageBytes: 10_000,
  sendQueueBytes: 1000,
  sendQueueMaxBytes: 4000,
  sendQueuesTotalBytes: 0,
  subscriberActivity: 'pong',
  firstFrameTimeoutMs: 0,
  subscriberRate: 0,
  subscriberBurst: 0,
  deviceRate: 0,
  deviceBurst: 0,
  historyEvents: 100,
  historyTtlMs: 3_600_000,
  subscriberRemoveAfterMs: 300_000,
  maxDevicesPerGateway: 10,
  interestLingerMs: 5000,
  maxConnectionsPerAddress: 0,
  connectionsPerSecondPerAddress: 0,
  authFailuresPerMinute: 0,
  authBanMs: 1000,
  host: '0.0.0.0',
  allowedHosts: [],
  allowedOrigins: [],
  mqttTopics: ['devices/{device}/{type}'],
  flushMaxMs: 0,
  logLevel: 'info',
};

interface Options {
  readonly settings?: Partial<AttachOptions['settings']>;
  readonly tokens?: TokenConfig;
  readonly isBoth?: boolean;
  readonly historyBytes?: number;
  readonly memory?: EdgeMemory;
}

/** A connection of the test's. */
interface Peer extends Connection<unknown> {
  readonly frames: Frame[];
  readonly codes: number[];
}

class Bench {
  readonly memory: EdgeMemory;
  readonly ownerAway = new SharedArrayBuffer(4);
  readonly failures: string[] = [];
  readonly journal: JournalEntry[] = [];
  readonly link: EdgeLink;
  readonly attached;
  readonly owner: OwnerRecords;

  constructor(options: Options = {}) {
    const { settings = {}, tokens, isBoth = false, historyBytes = 0 } = options;
    this.memory = options.memory ?? createEdgeMemory(64 * 1024);
    this.link = new EdgeLink(new RingProducer(this.memory.fromOwner), new Ringer(createDoorbell()));
    this.owner = new OwnerRecords(this.memory.toOwner);
    const others = Array.from({ length: EDGE }, () => createEdgeMemory(4096).counters);
    this.attached = attachEdge({
      shared: {
        presence: createPresence({ devices: 8, subscribers: 8, subscriptions: 8 }),
        history: createHistory(historyBytes),
        ownerDoorbell: createDoorbell(),
        ownerAway: this.ownerAway,
        admission: createAdmissionMemory([...others, this.memory.counters], 0, 'seed'),
        allowances: createAllowances(),
        tickets: createTickets(),
      },
      memory: this.memory,
      edge: EDGE,
      settings: { ...SETTINGS, ...settings },
      tokens,
      deliveringEdges: 2,
      files: { connections: 100, waiting: 2, places: 1 },
      isBoth,
      frameFailed: ({ message }) => void this.failures.push(message),
      journal: (entries) => void this.journal.push(...entries),
    });
  }

  route(listener: 'device' | 'subscriber', path: string): Route<unknown> {
    return this.attached.routes[listener].find((route) => route.path === path)!;
  }

  /** An upgrade of a WebSocket. */
  upgrade(listener: 'device' | 'subscriber', path: string, query: string, protocol = '') {
    return this.route(listener, path).handlers.upgrade({
      query,
      header: (name) => (name === 'sec-websocket-protocol' ? protocol : ''),
      remoteAddress: '192.0.2.1',
    });
  }

  /** A peer that is let in. */
  connect(listener: 'device' | 'subscriber', path: string, query: string): Peer {
    const answer = this.upgrade(listener, path, query);
    if (!('session' in answer)) throw new Error('not let in');
    const peer = peerOf(answer.session);
    this.route(listener, path).handlers.open(peer);
    return peer;
  }

  /** The owner lets the peer in. @param slot of its row */
  welcome({ session }: Peer, slot = 1): void {
    this.link.joined((session as { number: number }).number, slot);
    this.link.flush();
    this.attached.poller.wake();
  }

  device(): Peer {
    const peer = this.connect('device', '/v1/device', 'id=dev');
    this.welcome(peer);
    return peer;
  }

  /** The device sends messages. */
  send(device: Peer, count = 1): void {
    const bytes = Buffer.from('{"type":"message","data":1}');
    for (let n = 0; n < count; n++) this.route('device', '/v1/device').handlers.message(device, bytes, false);
  }

  count(name: CounterName): number {
    return this.attached.counters.cells[Counter[name]]!;
  }

  /** Events in the ring to the owner. */
  events(): number {
    return this.owner.take().filter(({ record }) => record === `kind ${EVENT_KIND}`).length;
  }
}

function peerOf(session: unknown): Peer {
  const [frames, codes]: [Frame[], number[]] = [[], []];
  return {
    session,
    transport: 'websocket',
    remoteAddress: '192.0.2.1',
    frames,
    codes,
    send: (frame) => void frames.push(JSON.parse(Buffer.from(frame as string).toString()) as Frame),
    cork: (body) => body(),
    ping: () => {},
    close: (code) => void codes.push(code),
    terminate: () => {},
    join: () => {},
    leave: () => {},
    bufferedBytes: () => 0,
  };
}

describe('the routes of an edge', () => {
  it('are those of each listener, with limits that let the hub close with its own codes', () => {
    const { attached } = new Bench();
    const paths = Object.entries(attached.routes).map(([name, all]) => [name, all.map(({ path }) => path)]);
    expect(Object.fromEntries(paths)).toEqual({
      device: ['/v1/device', '/v1/gateway', '/mqtt'],
      subscriber: ['/v1/subscribe', '/mqtt'],
    });
    for (const { frameBytesMax } of [...attached.routes.device, ...attached.routes.subscriber])
      expect(frameBytesMax).toBe(SETTINGS.maxMessageBytes * TRANSPORT_FRAME_FACTOR);
    expect(attached.mqttTcp).toMatchObject({ arrivals: attached.arrivals });
  });

  it.each([
    ['device', '/v1/device', 'id=a'],
    ['device', '/v1/gateway', 'id=a'],
    ['subscriber', '/v1/subscribe', ''],
  ] as const)('let peers in, whose sessions name the edge: %s %s', (listener, path, query) => {
    const bench = new Bench();
    const { session } = bench.connect(listener, path, query) as { session: { number: number } };
    expect(edgeOf(session.number)).toBe(EDGE);
    expect(bench.owner.take()).toMatchObject([{ record: 'join', session: session.number, ticket: 1 }]);
    expect(bench.attached.edge.find(session.number)).toBe(session);
  });

  it.each(['device', 'subscriber'] as const)('let MQTT clients in at the %s listener', (listener) => {
    const bench = new Bench();
    expect(bench.upgrade(listener, '/mqtt', '', 'mqtt')).toMatchObject({ session: {}, protocol: 'mqtt' });
    expect(bench.upgrade(listener, '/mqtt', '')).toMatchObject({ status: 400 });
  });

  it('tell the journal of who was not let in, and as what', () => {
    const bench = new Bench();
    const stop = bench.attached.startTimers([]);
    bench.upgrade('device', '/v1/device', '');
    bench.upgrade('device', '/v1/gateway', 'id=no%20id');
    bench.upgrade('subscriber', '/v1/subscribe', 'nope=1');
    bench.upgrade('subscriber', '/mqtt', 'nope=1', 'mqtt');
    bench.attached.admission.startDraining();
    bench.attached.mqttTcp.handlers.upgrade({ query: '', header: () => '', remoteAddress: '192.0.2.9' });
    vi.advanceTimersByTime(100);
    expect(
      bench.journal.map((entry) => {
        const { role, reason, status, address, id } = entry as JournalEntry & { kind: 'refused' };
        return [role, reason, status, address, id];
      }),
    ).toEqual([
      ['device', 'id', 400, '192.0.2.1', undefined],
      ['gateway', 'id', 400, '192.0.2.1', 'no id'],
      ['subscriber', 'request', 400, '192.0.2.1', undefined],
      [undefined, 'request', 400, '192.0.2.1', undefined],
      [undefined, 'draining', 503, '192.0.2.9', undefined],
    ]);
    expect(bench.journal.every(({ kind }) => kind === 'refused')).toBe(true);
    stop();
  });

  it('ask for a token where one is needed', () => {
    const query = 'id=dev';
    expect(new Bench({ tokens: SECRET }).upgrade('device', '/v1/device', query)).toMatchObject({
      status: 401,
    });
  });

  it.each([
    ['device', '/v1/device'],
    ['device', '/v1/gateway'],
    ['device', '/mqtt'],
    ['subscriber', '/v1/subscribe'],
    ['subscriber', '/mqtt'],
  ] as const)('keep a bug to the frame that meets it: %s %s', (listener, path) => {
    const bench = new Bench();
    const socket = { session: undefined, send: () => {} } as unknown as Connection<unknown>;
    expect(() => bench.route(listener, path).handlers.open(socket)).not.toThrow();
    expect([bench.failures.length, bench.count('failedFrames')]).toEqual([1, 1]);
  });

  it('close a peer whose waiting frames are a flood', () => {
    const bench = new Bench({ settings: { deviceRate: 1, deviceBurst: 1 } });
    const device = bench.device();
    bench.send(device, 1000);
    expect(device.codes).toEqual([4101]);
  });
});

describe('an edge on its shared memory', () => {
  it('starts without what a thread before it had open, and goes on counting the rest', () => {
    const memory = createEdgeMemory(4096);
    const before = new Counters(memory.counters);
    for (const counter of [Counter.deviceConnections, Counter.openedDevices]) before.add(counter, 7);
    const bench = new Bench({ memory });
    expect([bench.count('deviceConnections'), bench.count('openedDevices')]).toEqual([0, 7]);
  });

  it('obeys the owner, whose events go out without a further wake', () => {
    const bench = new Bench();
    const device = bench.device();
    expect(device.frames).toEqual([{ op: 'welcome', device: 'dev', pingIntervalMs: 25_000 }]);
    expect(new RingConsumer(bench.memory.fromOwner).hasRecords).toBe(false);
  });

  it('skips what nobody listens to, unless the owner is away or history keeps it', () => {
    const bench = new Bench();
    const device = bench.device();
    bench.owner.take();
    bench.send(device);
    expect([bench.events(), bench.count('skipped')]).toEqual([0, 1]);
    Atomics.store(new Int32Array(bench.ownerAway), 0, 1);
    bench.send(device);
    expect([bench.events(), bench.count('skipped')]).toEqual([1, 1]);
    const kept = new Bench({ historyBytes: HISTORY_BYTES_MIN });
    kept.send(kept.device());
    expect([kept.events(), kept.count('skipped')]).toEqual([1, 0]);
  });

  it.each([
    ['that holds devices and subscribers sends', true, false, true],
    ['with subscribers sends', false, true, true],
    ['of devices alone does not send', false, false, false],
  ])('%s what waits while devices flood it', (_what, isBoth, hasSubscriber, relieves) => {
    const bench = new Bench({ isBoth });
    const device = bench.device();
    if (hasSubscriber) bench.connect('subscriber', '/v1/subscribe', '');
    const turnNow = vi.spyOn(bench.attached.poller, 'turnNow');
    Atomics.store(new Int32Array(bench.ownerAway), 0, 1);
    for (let n = 0; n < 32; n++) {
      bench.send(device, 32);
      bench.owner.take();
      vi.advanceTimersByTime(0);
    }
    expect(turnNow.mock.calls.length > 0).toBe(relieves);
  });

  it('shares the budget of all queues with the other edges that deliver', () => {
    const bench = new Bench({ settings: { sendQueuesTotalBytes: 5000 } });
    expect(bench.attached.edge.queueLimits.totalBytes).toBe(2500);
  });

  it('does not start with topics that are none', () => {
    expect(() => new Bench({ settings: { mqttTopics: ['no device', 'none'] } })).toThrow(/.+; .+/);
  });

  it('counts connections that were dropped before they asked for anything', () => {
    const bench = new Bench();
    let dropped = 0;
    for (let n = 0; n < 200; n++) bench.attached.arrivals.add(`192.0.2.${n}`, () => (dropped += 1));
    expect([bench.count('upgradesCrowded'), dropped]).toEqual([200 - 102, 200 - 102]);
    bench.attached.arrivals.clear();
  });
});

describe('a reload', () => {
  it('holds for peers that are connected', () => {
    const bench = new Bench({ settings: { deviceRate: 1, deviceBurst: 1 } });
    const device = bench.device();
    bench.send(device, 2);
    expect(device.frames.at(-1)).toMatchObject({ op: 'error', code: 111 });
    bench.attached.reload({ deviceRate: 0 }, undefined);
    device.frames.length = 0;
    bench.send(device, 2);
    expect(device.frames).toEqual([]);
  });

  it('may bring other keys, and does nothing to those there are without', () => {
    const bench = new Bench({ tokens: SECRET });
    const use = vi.spyOn(bench.attached.admission.verifier!, 'use');
    bench.attached.reload({}, undefined);
    expect(use).not.toHaveBeenCalled();
    const other = { ...SECRET, secret: 'another secret of 32 characters or more' };
    bench.attached.reload({}, other);
    expect(use).toHaveBeenCalledWith(other);
    expect(() => new Bench().attached.reload({}, other)).not.toThrow();
  });
});

describe('the timers of an edge', () => {
  it('look at its peers, at what else main names, and beat', () => {
    const bench = new Bench();
    const { edge } = bench.attached;
    const ticks: string[] = [];
    const spied = {
      liveness: edge.liveness,
      queues: edge.deliverer.sendQueues,
      interests: edge.interests,
      mqtt: edge.mqtt,
    };
    for (const [name, watch] of Object.entries(spied))
      vi.spyOn(watch, 'tick').mockImplementation(() => void ticks.push(name));
    const interestTick = edge.mqtt.interestWatch.tick;
    edge.mqtt.interestWatch.tick = () => {
      ticks.push('mqtt interest');
      interestTick();
    };
    const further = { tickMs: 1000, tick: () => void ticks.push('further') };
    const stop = bench.attached.startTimers([further]);
    vi.advanceTimersByTime(1000);
    expect([...new Set(ticks)].sort()).toEqual([
      'further',
      'interests',
      'liveness',
      'mqtt',
      'mqtt interest',
      'queues',
    ]);
    expect(beatOf(bench.memory.heartbeat)).toBeGreaterThan(0);
    stop();
    ticks.length = 0;
    vi.advanceTimersByTime(1000);
    expect(ticks).toEqual([]);
  });

  it.each([true, false])(
    'credit peers with the time in which the thread did not run (main asks: %s)',
    (asks) => {
      const bench = new Bench();
      const { edge } = bench.attached;
      const credited = [vi.spyOn(edge.liveness, 'credit'), vi.spyOn(edge.mqtt, 'credit')];
      const told: number[] = [];
      const stop = asks
        ? bench.attached.startTimers([], (ms) => void told.push(ms))
        : bench.attached.startTimers([]);
      vi.advanceTimersByTime(200);
      const now = performance.now.bind(performance);
      const late = vi.spyOn(performance, 'now').mockImplementation(() => now() + STALL_MS + 100);
      vi.advanceTimersByTime(100);
      late.mockRestore();
      stop();
      for (const { mock } of credited) {
        expect(mock.calls).toHaveLength(1);
        expect(mock.calls[0]![0]).toBeGreaterThan(STALL_MS);
      }
      expect(told).toEqual(asks ? credited[0]!.mock.calls[0] : []);
    },
  );
});
