import { EventEmitter } from 'node:events';
import { createServer } from 'node:net';
import type { MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAdmissionMemory } from '../../src/access/admission-state.ts';
import { runTlsThread } from '../../src/edge/tls-thread.ts';
import { LOOK_MS, UPGRADE_MS_MAX } from '../../src/limits.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import { beatOf, createHeartbeat } from '../../src/memory/heartbeat.ts';
import { FromFront, type FromFrontCommand, ToFront } from '../../src/records/commands.ts';
import type { Arrivals } from '../../src/transport/arrivals.ts';
import { bindFreePort } from '../support/bind-free-port.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

class FakePort extends EventEmitter {
  readonly said: FromFrontCommand[] = [];
  closed = 0;

  postMessage(message: FromFrontCommand): void {
    this.said.push(message);
  }

  close(): void {
    this.closed += 1;
  }
}

const FILES = { connections: 10, waiting: 2, places: 1 } as const;
/** While nobody is admitted. */
const WAITING = FILES.connections + FILES.waiting;

/** No peer comes, so that nothing is needed of the certificate. */
const certificate = { cert: '', key: '' };

type Open = Parameters<typeof runTlsThread>[1];

async function start(port = 0, open?: Open) {
  const main = new FakePort();
  const heartbeat = createHeartbeat();
  const counters = new Counters(createCounters());
  const options = {
    place: { host: '127.0.0.1', port, path: '/nowhere' },
    certificate,
    files: FILES,
    admission: createAdmissionMemory([createCounters()], 0, 'seed'),
    heartbeat,
    counters: counters.cells.buffer as SharedArrayBuffer,
    port: main as unknown as MessagePort,
  };
  await runTlsThread(options, open);
  return { main, heartbeat, counters, command: (command: unknown) => main.emit('message', command) };
}

describe('a thread that ends TLS', () => {
  it('tells main where it listens, beats, and ends when it is told to', async () => {
    const { main, heartbeat, command } = await start();
    expect(main.said).toEqual([{ kind: FromFront.Ready, port: expect.any(Number) }]);
    expect((main.said[0] as { port: number }).port).toBeGreaterThan(0);
    const first = beatOf(heartbeat);
    expect(first).toBeGreaterThan(0);
    vi.advanceTimersByTime(LOOK_MS - 1);
    expect(beatOf(heartbeat)).toBe(first);
    vi.advanceTimersByTime(1);
    expect(beatOf(heartbeat)).toBeGreaterThan(first);
    command({ kind: ToFront.Close });
    expect([main.closed, vi.getTimerCount()]).toEqual([1, 0]);
  });

  it('tells how late it runs', async () => {
    const { counters, command } = await start();
    counters.cells[Counter.loopLagSeconds] = 7; // of a thread before this one
    vi.advanceTimersByTime(1000);
    expect(counters.cells[Counter.loopLagSeconds]).toBe(0);
    command({ kind: ToFront.Close });
  });

  it('takes another certificate and says so, and stops accepting, while it goes on', async () => {
    const { main, command } = await start();
    main.said.length = 0;
    command({ kind: ToFront.Certificate, certificate });
    expect(main.said).toEqual([{ kind: FromFront.Certified }]);
    command({ kind: ToFront.StopAccepting });
    expect([main.said.length, main.closed, vi.getTimerCount()]).toEqual([1, 0, 1]);
    expect(() => command({ kind: 99 })).toThrow('unknown command {"kind":99}');
    command({ kind: ToFront.Close });
  });

  it('ends where its address is taken, and says why', async () => {
    const other = createServer();
    const port = await bindFreePort(other);
    const { main } = await start(port);
    const message = `cannot listen on 127.0.0.1:${port}: the port is in use`;
    expect(main.said).toEqual([{ kind: FromFront.Refused, message }]);
    expect([main.closed, vi.getTimerCount(), main.listenerCount('message')]).toEqual([1, 0, 0]);
    other.close();
  });
});

/** A thread whose listener is played by the test. */
async function startPlayed() {
  /** What the listener was told. */
  const log: string[] = [];
  let arrivals: Arrivals | undefined;
  const thread = await start(0, async (options) => {
    ({ arrivals } = options);
    log.push(`open ${options.host} ${options.path}`);
    return {
      port: 1234,
      useTls: ({ cert }) => void log.push(`use ${cert}`),
      stopAccepting: () => void log.push('stop'),
      close: () => void log.push('close'),
    };
  });
  thread.main.said.length = 0;
  return { ...thread, log, arrivals: arrivals! };
}

describe('the listener of a thread that ends TLS', () => {
  it('obeys main', async () => {
    const { log, command } = await startPlayed();
    command({ kind: ToFront.Certificate, certificate: { cert: 'next', key: '' } });
    command({ kind: ToFront.StopAccepting });
    command({ kind: ToFront.Close });
    expect(log).toEqual(['open 127.0.0.1 /nowhere', 'use next', 'stop', 'close']);
  });

  it('drops connections that are too many, or ask for nothing, and counts them', async () => {
    const { counters, command, arrivals } = await startPlayed();
    const counted = () => [counters.cells[Counter.upgradesCrowded], counters.cells[Counter.upgradesTimeout]];
    const dropped: number[] = [];
    const add = (n: number): void => void arrivals.add(`192.0.${n}.1`, () => void dropped.push(n));
    for (let n = 0; n < WAITING; n++) add(n);
    expect(dropped).toEqual([]);
    for (let n = WAITING; n < WAITING + 2; n++) add(n);
    expect(dropped).toEqual([0, 1]);
    expect(counted()).toEqual([2, 0]);
    vi.advanceTimersByTime(UPGRADE_MS_MAX + 2000);
    expect(dropped).toHaveLength(WAITING + 2);
    expect(counted()).toEqual([2, WAITING]);
    command({ kind: ToFront.Close });
  });

  it('may fail to open for any reason', async () => {
    const { main } = await start(0, () => Promise.reject(new Error('why')));
    expect(main.said).toEqual([{ kind: FromFront.Refused, message: 'why' }]);
  });
});
