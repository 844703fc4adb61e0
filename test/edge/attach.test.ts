import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JournalEntry } from '../../src/edge/journal.ts';
import { createEdgeMemory } from '../../src/edge/memory.ts';
import { HISTORY_BYTES_MIN } from '../../src/history/memory.ts';
import { LOOK_MS, STALL_MS, TRANSPORT_FRAME_FACTOR } from '../../src/limits.ts';
import { Counter, Counters } from '../../src/memory/counters.ts';
import { beatOf } from '../../src/memory/heartbeat.ts';
import { RingConsumer } from '../../src/memory/ring.ts';
import { edgeOf } from '../../src/records/sessions.ts';
import type { Connection } from '../../src/transport/transport.ts';
import { readTemplates } from '../../src/wire/mqtt/templates.ts';
import { Bench, EDGE, SECRET, SETTINGS } from './attach-harness.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

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
    expect(bench.upgrade(listener, '/mqtt', '', 'mqtt')).toMatchObject({
      session: { listener },
      protocol: 'mqtt',
    });
    expect(bench.upgrade(listener, '/mqtt', '')).toMatchObject({ status: 400 });
  });

  it('let MQTT clients in over TCP, who ask for nothing before', () => {
    const { handlers } = new Bench().attached.mqttTcp;
    const request = { query: '', header: () => '', remoteAddress: '192.0.2.9' };
    expect(handlers.upgrade(request)).toMatchObject({ session: { listener: 'tcp' } });
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
    vi.advanceTimersByTime(LOOK_MS);
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

  it('count, and tell the journal of, who asked for what there is not, once it was let in', () => {
    const bench = new Bench();
    const stop = bench.attached.startTimers([]);
    bench.upgrade('device', '/v1/device', 'id=dev&interest=maybe');
    bench.upgrade('device', '/v1/gateway', 'id=gw&interest=maybe');
    bench.upgrade('subscriber', '/v1/subscribe', 'batch=maybe');
    bench.upgrade('subscriber', '/v1/subscribe', 'id=sub&devices=a,,b');
    vi.advanceTimersByTime(LOOK_MS);
    expect(bench.journal).toMatchObject([
      { role: 'device', reason: 'request', status: 400, address: '192.0.2.1', id: 'dev' },
      { role: 'gateway', reason: 'request', status: 400, address: '192.0.2.1', id: 'gw' },
      { role: 'subscriber', reason: 'request', status: 400, address: '192.0.2.1', id: undefined },
      { role: 'subscriber', reason: 'request', status: 400, address: '192.0.2.1', id: 'sub' },
    ]);
    expect(bench.count('upgradesRequest')).toBe(4);
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
    const bench = new Bench({ settings: { deviceRate: 10, deviceBurst: 10 } });
    const device = bench.device();
    bench.send(device, 64); // are taken at once, and are not too many
    expect(device.codes).toEqual([]);
    bench.send(device, 300);
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

  it('looks at the ring again while there is something to do', () => {
    for (const what of ['records', 'unsent', 'backlog'] as const) {
      const { attached } = new Bench();
      const { edge, poller } = attached;
      const poll = vi.spyOn(edge, 'poll');
      if (what === 'records') vi.spyOn(edge, 'hasRecords').mockReturnValueOnce(true);
      if (what === 'unsent') vi.spyOn(edge, 'hasUnsent', 'get').mockReturnValueOnce(true);
      if (what === 'backlog') vi.spyOn(edge, 'hasBacklog').mockReturnValueOnce(true);
      poller.wake();
      vi.advanceTimersByTime(5);
      expect([what, poll.mock.calls.length]).toEqual([what, 2]);
    }
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
    const mqttTopics = ['no device', 'none'];
    const read = readTemplates(mqttTopics);
    const problems = read.ok ? [] : read.problems;
    expect(problems).toHaveLength(2);
    expect(() => new Bench({ settings: { mqttTopics } })).toThrow(new Error(problems.join('; ')));
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
      vi.advanceTimersByTime(LOOK_MS);
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
