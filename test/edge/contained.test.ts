import { describe, expect, it } from 'vitest';
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
  const socket = { send: (frame: string) => sent.push(JSON.parse(frame)) } as unknown as Connection<string>;
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
    guarded.message(socket, new Uint8Array(0), false);
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
