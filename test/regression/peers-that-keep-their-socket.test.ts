/**
 * On `ws` a peer that had said goodbye, or broken the protocol, was there for half a minute longer if it kept its side of
 * TCP open: the library waits so long for its end. A device was not offline at once.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { roomForAll } from '../../fixtures/arrivals.ts';
import type { Connection, ListenerHandlers } from '../../src/transport/transport.ts';
import { createWsTransport } from '../../src/transport/ws.ts';
import { eventually } from '../support/eventually.ts';
import { encodeFrame, Opcode } from '../support/raw-peer.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const HEAD = `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`;
/** Nothing here waits for a timer of so many ms. */
const LONG_MS = 5000;

describe('a peer of `ws` that keeps its socket', () => {
  it.each([
    ['has closed with 1000', encodeFrame(Opcode.close, Buffer.from([0x03, 0xe8])), 1000],
    ['has closed without a code', encodeFrame(Opcode.close, Buffer.alloc(0)), 1005],
    ['has broken the protocol', encodeFrame(0x0b, Buffer.alloc(0)), 1006],
  ])('is gone once it %s', async (_what, frame, code) => {
    const real = setTimeout;
    const timers = vi.spyOn(globalThis, 'setTimeout');
    timers.mockImplementation(((work: () => void, ms = 0) =>
      ms >= LONG_MS ? real(() => {}, 0) : real(work, ms)) as typeof setTimeout);
    onTestFinished(() => timers.mockRestore());
    const closes: number[] = [];
    const handlers = {
      upgrade: () => ({ session: '' }),
      open() {},
      closing() {},
      writable() {},
      close: (_connection: Connection<string>, with_: number) => void closes.push(with_),
    } as Partial<ListenerHandlers<string>> as ListenerHandlers<unknown>;
    const listener = await createWsTransport().listen('127.0.0.1', 0, {
      routes: [{ path: '/', frameBytesMax: 1000, queueBytesMax: 0, handlers }],
      arrivals: roomForAll(),
    });
    onTestFinished(() => listener.close());
    const socket = connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true }).on(
      'error',
      () => {},
    );
    onTestFinished(() => void socket.destroy());
    socket.write(HEAD);
    await once(socket, 'data');
    socket.write(frame);
    await eventually('it is over', () => closes.length > 0);
    expect(closes).toEqual([code]);
  });
});
