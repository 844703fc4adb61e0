import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';
import type { MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAdmissionMemory } from '../../src/access/admission-state.ts';
import { runTlsThread } from '../../src/edge/tls-thread.ts';
import { createCounters } from '../../src/memory/counters.ts';
import { beatOf, createHeartbeat } from '../../src/memory/heartbeat.ts';
import { FromFront, type FromFrontCommand, ToFront } from '../../src/records/commands.ts';

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

/** No peer comes, so that nothing is needed of the certificate. */
const certificate = { cert: '', key: '' };

async function start(port = 0) {
  const main = new FakePort();
  const heartbeat = createHeartbeat();
  await runTlsThread({
    place: { host: '127.0.0.1', port, path: '/nowhere' },
    certificate,
    files: { connections: 10, waiting: 2, places: 1 },
    admission: createAdmissionMemory([createCounters()], 0, 'seed'),
    heartbeat,
    port: main as unknown as MessagePort,
  });
  return { main, heartbeat, command: (command: unknown) => main.emit('message', command) };
}

describe('a thread that ends TLS', () => {
  it('tells main where it listens, beats, and ends when it is told to', async () => {
    const { main, heartbeat, command } = await start();
    expect(main.said).toEqual([{ kind: FromFront.Ready, port: expect.any(Number) }]);
    expect((main.said[0] as { port: number }).port).toBeGreaterThan(0);
    vi.advanceTimersByTime(99);
    expect(beatOf(heartbeat)).toBe(0);
    vi.advanceTimersByTime(1);
    expect(beatOf(heartbeat)).toBeGreaterThan(0);
    vi.advanceTimersByTime(1000);
    expect(main.said).toHaveLength(1); // nobody was dropped
    command({ kind: ToFront.Close });
    expect([main.closed, vi.getTimerCount()]).toEqual([1, 0]);
  });

  it('takes another certificate and says so, and stops accepting, while it goes on', async () => {
    const { main, command } = await start();
    main.said.length = 0;
    command({ kind: ToFront.Certificate, certificate });
    expect(main.said).toEqual([{ kind: FromFront.Certified }]);
    command({ kind: ToFront.StopAccepting });
    expect([main.said.length, main.closed, vi.getTimerCount()]).toEqual([1, 0, 2]);
    expect(() => command({ kind: 99 })).toThrow('unknown command {"kind":99}');
    command({ kind: ToFront.Close });
  });

  it('ends where its address is taken, and says why', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { main } = await start((other.address() as { port: number }).port);
    expect(main.said).toEqual([
      {
        kind: FromFront.Refused,
        code: 'EADDRINUSE',
        message: expect.stringContaining('EADDRINUSE'),
      },
    ]);
    expect([main.closed, vi.getTimerCount(), main.listenerCount('message')]).toEqual([1, 0, 0]);
    other.close();
  });
});
