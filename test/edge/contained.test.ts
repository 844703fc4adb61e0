import { describe, expect, it, vi } from 'vitest';
import { contained } from '../../src/edge/contained.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import type { Connection, ListenerHandlers, UpgradeRequest } from '../../src/transport/transport.ts';

function broken(): never {
  throw new Error('a bug');
}

describe('a handler that throws', () => {
  const counters = new Counters(createCounters());
  const failures: string[] = [];
  const sent: unknown[] = [];
  const socket = {
    send: (frame: string, binary: boolean) => sent.push(binary ? frame : JSON.parse(frame)),
  } as unknown as Connection<string>;
  const handlers: ListenerHandlers<string> = {
    upgrade: broken,
    open: broken,
    message: broken,
    controlPong: broken,
    controlPing: broken,
    writable: broken,
    dropped: broken,
    closing: broken,
    close: broken,
  };
  const options = { path: '/', frameBytesMax: 1, queueBytesMax: 1, handlers };
  const guarded = contained(options, counters, ({ message }) => failures.push(message)).handlers;

  it('ends nothing: its peer gets error 100, each failure is counted, and one a second is told', async () => {
    guarded.message(socket, new Uint8Array(7), false);
    expect(counters.cells[Counter.bytesReceived]).toBe(7);
    expect(sent).toEqual([{ op: 'error', code: 100, message: 'internal error' }]);
    guarded.open(socket);
    guarded.controlPong(socket);
    guarded.controlPing(socket);
    guarded.writable(socket);
    guarded.dropped(socket);
    guarded.closing(socket);
    guarded.close(socket, 1000);
    expect(await guarded.upgrade({} as UpgradeRequest)).toMatchObject({ status: 500 });
    expect(counters.cells[Counter.failedFrames]).toBe(9);
    expect(failures).toEqual(['a bug']);
    expect(counters.refusals().filter(([, count]) => count > 0)).toEqual([['100', 1]]);
  });

  it('is told again after a second', () => {
    const now = vi.spyOn(performance, 'now');
    const told: string[] = [];
    const { handlers: later } = contained(options, counters, ({ message }) => told.push(message));
    for (const ms of [5000, 5999, 6000, 6001]) {
      now.mockReturnValue(ms);
      later.open(socket);
    }
    now.mockRestore();
    expect(told).toHaveLength(2);
  });

  it('may throw what is no error', () => {
    const told: Error[] = [];
    const open = (): never => {
      throw 'a text'; // as a library might
    };
    contained({ ...options, handlers: { ...handlers, open } }, counters, (failure) =>
      told.push(failure),
    ).handlers.open(socket);
    expect(told).toEqual([new Error('a text')]);
  });

  it('may fail late in an upgrade too', async () => {
    const late = contained(
      { ...options, handlers: { ...handlers, upgrade: async () => broken() } },
      counters,
      () => {},
    );
    expect(await late.handlers.upgrade({} as UpgradeRequest)).toMatchObject({ status: 500 });
  });
});
