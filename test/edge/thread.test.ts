import { EventEmitter } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AttachedEdge } from '../../src/edge/attach.ts';
import type { Watch } from '../../src/edge/edge-timers.ts';
import { runEdgeThread } from '../../src/edge/thread.ts';
import { FromEdge, type FromEdgeCommand, ToEdge, type ToEdgeCommand } from '../../src/records/commands.ts';
import { FakeThread } from './deliver/fake-thread.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** One end of a channel; the test has the other. */
class FakePort extends EventEmitter {
  readonly said: FromEdgeCommand[] = [];
  closed = 0;

  postMessage(message: FromEdgeCommand): void {
    this.said.push(message);
  }

  close(): void {
    this.closed += 1;
  }
}

const asPort = (port: FakePort): MessagePort => port as unknown as MessagePort;

/** A thread whose main is the test. */
class Bench {
  readonly thread = new FakeThread();
  readonly port = new FakePort();
  readonly bell = new FakePort();
  readonly log: string[] = [];
  readonly ended: Promise<void>;
  watches: readonly Watch[] = [];
  /** What a reload meets. */
  failure: Error | undefined;
  descriptor = 1;

  constructor(tapped: readonly string[] = []) {
    const attached = {
      edge: this.thread.edge,
      poller: { wake: () => void this.log.push('wake'), stop: () => void this.log.push('stop') },
      startTimers: (watches: readonly Watch[]) => {
        this.watches = watches;
        return () => void this.log.push('timers stopped');
      },
    } as unknown as AttachedEdge;
    const endpoint = (name: string) => ({
      close: () => void this.log.push(`${name} closed`),
      publish: () => {},
      useTls: () => {},
      descriptor: `${name} ${this.descriptor}`,
    });
    const bench = this;
    this.ended = runEdgeThread(attached, {
      endpoints: {
        device: endpoint('device'),
        subscriber: {
          ...endpoint('subscriber'),
          get descriptor() {
            return `subscriber ${bench.descriptor}`;
          },
        },
      },
      port: asPort(this.port),
      bell: asPort(this.bell),
      tapped,
      reload: (command) => {
        this.log.push(`reload ${Object.keys(command.settings)}`);
        if (this.failure !== undefined) throw this.failure;
        this.descriptor = 2;
      },
    });
  }

  command(command: ToEdgeCommand): void {
    this.port.emit('message', command);
  }

  /** What main was told since the last call. */
  said(): FromEdgeCommand[] {
    return this.port.said.splice(0);
  }

  /** The thread meets a bug. */
  fail(error: Error): void {
    const listener = process.listeners('uncaughtException').at(-1)!;
    listener(error, 'uncaughtException');
  }

  async close(): Promise<void> {
    this.command({ kind: ToEdge.Close });
    await this.ended;
  }
}

describe('an edge that is a thread of its own', () => {
  it('tells main where it takes connections, and looks at what the owner wrote before', async () => {
    const bench = new Bench();
    expect(bench.said()).toEqual([
      { kind: FromEdge.Ready, descriptors: { device: 'device 1', subscriber: 'subscriber 1' } },
    ]);
    expect(bench.log).toEqual(['wake']);
    await bench.close();
  });

  it('is woken by its bell, and by another once it has one', async () => {
    const bench = new Bench();
    bench.bell.emit('message');
    expect(bench.log.splice(0)).toEqual(['wake', 'wake']);
    const other = new FakePort();
    bench.command({ kind: ToEdge.Bell, bell: asPort(other) });
    expect([bench.bell.closed, other.closed, bench.log.splice(0)]).toEqual([1, 0, ['wake']]);
    other.emit('message');
    expect(bench.log).toEqual(['wake']);
    await bench.close();
    expect([bench.bell.closed, other.closed]).toEqual([1, 1]);
  });

  it('tells who is slow, once a second while there is anybody', async () => {
    const bench = new Bench();
    bench.said();
    const [slow] = bench.watches as [Watch];
    expect(slow.tickMs).toBe(1000);
    slow.tick();
    expect(bench.said()).toEqual([]);
    const socket = bench.thread.subscriber([0]);
    bench.thread.lag(socket, 2000);
    bench.thread.clock.advance(1234.6);
    slow.tick();
    expect(bench.said()).toEqual([
      {
        kind: FromEdge.Slow,
        subscribers: [{ subscriber: socket.session.id, queuedBytes: 2000, laggingMs: 1235, vip: false }],
      },
    ]);
    await bench.close();
  });

  it('tells the events of devices that main looks at', async () => {
    const bench = new Bench(['dev']);
    bench.said();
    const frame = { type: 2, payloadStart: 0, payloadEnd: 2 } as never;
    const tap = (device: string): void =>
      bench.thread.edge.publisher.taps.event(device, Buffer.from('{}'), frame, 7);
    for (const device of ['dev', 'other']) tap(device);
    vi.advanceTimersByTime(100);
    expect(bench.said()).toMatchObject([{ kind: FromEdge.Tapped, events: [{ device: 'dev', at: 7 }] }]);
    bench.command({ kind: ToEdge.Tap, devices: ['dev'], isTapped: false });
    bench.command({ kind: ToEdge.Tap, devices: ['other'], isTapped: true });
    for (const device of ['dev', 'other']) tap(device);
    vi.advanceTimersByTime(100);
    expect(bench.said()).toMatchObject([{ kind: FromEdge.Tapped, events: [{ device: 'other' }] }]);
    await bench.close();
  });

  it('says what it knows of connections', async () => {
    const bench = new Bench();
    bench.said();
    const { number } = bench.thread.subscriber().session;
    bench.command({ kind: ToEdge.Describe, request: 7, sessions: [number] });
    expect(bench.said()).toMatchObject([
      { kind: FromEdge.Described, request: 7, connections: [{ session: number }] },
    ]);
    await bench.close();
  });

  it('reloads, and tells where connections go from then on, or why it could not', async () => {
    const bench = new Bench();
    bench.said();
    const reload = {
      kind: ToEdge.Reload,
      settings: { a: 1 },
      tokens: undefined,
      tls: undefined,
    } as const;
    bench.command(reload);
    expect(bench.said()).toEqual([
      {
        kind: FromEdge.Reloaded,
        descriptors: { device: 'device 1', subscriber: 'subscriber 2' },
        failure: undefined,
      },
    ]);
    bench.failure = new Error('no such file');
    bench.command(reload);
    expect(bench.said()).toMatchObject([{ kind: FromEdge.Reloaded, failure: bench.failure }]);
    expect(bench.log.filter((line) => line.startsWith('reload'))).toEqual(['reload a', 'reload a']);
    await bench.close();
  });

  it('drains: its peers are told when to come back and closed, and main is told when that is done', async () => {
    const bench = new Bench();
    bench.said();
    const socket = bench.thread.subscriber();
    bench.command({ kind: ToEdge.Drain, closesPerSecond: 1000, timeoutMs: 1000 });
    expect(socket.frames.at(-1)).toMatchObject({ op: 'draining' });
    expect(socket.closeCode).toBe(4200);
    bench.thread.end(socket);
    await vi.advanceTimersByTimeAsync(480);
    expect(bench.said()).toEqual([]);
    await vi.advanceTimersByTimeAsync(40);
    expect(bench.said()).toEqual([{ kind: FromEdge.Drained }]);
    await bench.close();
  });

  it('throws where tests ask for it, or main says what it does not know', async () => {
    const bench = new Bench();
    expect(() => bench.command({ kind: ToEdge.Fault })).toThrow('a fault that was asked for');
    expect(() => bench.command({ kind: 99 } as never)).toThrow('unknown command {"kind":99}');
    await bench.close();
  });
});

describe('the end of an edge’s thread', () => {
  it('closes what holds sockets, and all that would keep the thread alive, once', async () => {
    const bench = new Bench();
    const before = process.listenerCount('uncaughtException');
    bench.log.length = 0;
    bench.command({ kind: ToEdge.Close });
    bench.command({ kind: ToEdge.Close });
    expect(bench.log).toEqual(['stop', 'timers stopped', 'device closed', 'subscriber closed']);
    expect([bench.port.closed, bench.bell.closed]).toEqual([1, 1]);
    expect(process.listenerCount('uncaughtException')).toBe(before - 1);
    await bench.ended;
  });

  it('comes with a bug: main is told, and closes the thread once nobody is handed to it', async () => {
    const bench = new Bench();
    bench.said();
    bench.log.length = 0;
    const [bug, another] = [new Error('a bug'), new Error('another')];
    bench.fail(bug);
    expect([bench.log, bench.said()]).toEqual([['stop'], [{ kind: FromEdge.Failed }]]);
    bench.fail(another);
    expect([bench.log, bench.said()]).toEqual([['stop'], []]);
    bench.command({ kind: ToEdge.Close });
    await expect(bench.ended).rejects.toBe(bug);
  });

  it('waits for main after a bug, however late main answers', async () => {
    const bench = new Bench();
    bench.fail(new Error('a bug'));
    vi.advanceTimersByTime(600_000);
    expect([bench.port.closed, vi.getTimerCount()]).toEqual([0, 0]);
    bench.command({ kind: ToEdge.Close });
    await expect(bench.ended).rejects.toThrow('a bug');
  });
});
