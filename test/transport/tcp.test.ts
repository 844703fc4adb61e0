import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type Socket as ClientSocket, connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { roomForAll } from '../../fixtures/arrivals.ts';
import { Arrivals } from '../../src/transport/arrivals.ts';
import { listenTcp, type TcpOptions } from '../../src/transport/tcp.ts';
import { readTls } from '../../src/transport/tls.ts';
import type { Connection, Listener, ListenerHandlers, UpgradeAnswer } from '../../src/transport/transport.ts';
import { firstOf } from '../support/attempts.ts';
import { makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryDirectory } from '../support/temporary.ts';

interface Session {
  readonly number: number;
}

/** Notes what it is told, as text. */
class Handlers implements ListenerHandlers<Session> {
  readonly events: string[] = [];
  readonly sockets: Connection<Session>[] = [];
  readonly addresses: string[] = [];
  answer: () => UpgradeAnswer<Session> | Promise<UpgradeAnswer<Session>> = () => ({
    session: { number: this.sockets.length },
  });
  /** Called with what comes in. */
  heard: (socket: Connection<Session>, text: string) => void = () => {};

  upgrade({ remoteAddress, query, header }: Parameters<ListenerHandlers<Session>['upgrade']>[0]) {
    this.addresses.push(remoteAddress);
    expect([query, header('origin')]).toEqual(['', '']);
    return this.answer();
  }
  open(socket: Connection<Session>): void {
    this.sockets.push(socket);
    this.events.push('open');
  }
  message(socket: Connection<Session>, bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString();
    this.events.push(`message ${text}`);
    this.heard(socket, text);
  }
  controlPong(): void {
    throw new Error('there are none');
  }
  controlPing(): void {
    throw new Error('there are none');
  }
  writable(): void {
    this.events.push('writable');
  }
  dropped(): void {
    this.events.push('dropped');
  }
  closing(): void {
    this.events.push('closing');
  }
  close(_socket: Connection<Session>, code: number): void {
    this.events.push(`close ${code}`);
  }
}

async function listening(
  handlers: Handlers,
  options: Partial<TcpOptions<Session>> = {},
  tls?: Parameters<typeof listenTcp>[0],
): Promise<Listener> {
  const arrivals = roomForAll();
  const refusal = () => new Uint8Array(0);
  const all = {
    ...{ firstBytesMsMax: 10_000, silent() {}, queueBytesMax: 0 },
    ...{ arrivals, handlers, refusal, ...options },
  };
  const listener = await listenTcp(tls, '127.0.0.1', 0, all);
  onTestFinished(() => listener.close());
  return listener;
}

interface Client {
  readonly socket: ClientSocket;
  /** What came so far. */
  readonly got: () => string;
  readonly hasEnded: () => boolean;
}

async function clientOf(listener: Listener): Promise<Client> {
  const socket = connectTcp({ port: listener.port, host: '127.0.0.1' });
  return watched(socket, 'connect');
}

async function watched(socket: ClientSocket, event: string): Promise<Client> {
  let got = '';
  let ended = false;
  socket.on('data', (bytes) => (got += bytes.toString()));
  socket.on('end', () => (ended = true));
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, event);
  return { socket, got: () => got, hasEnded: () => ended };
}

describe('a TCP connection', () => {
  it('carries bytes both ways and ends', async () => {
    const handlers = new Handlers();
    const listener = await listening(handlers);
    const { socket, got } = await clientOf(listener);
    socket.write('hello');
    await eventually('it is heard', () => handlers.events.includes('message hello'));
    expect(handlers.addresses).toEqual(['127.0.0.1']);
    expect(handlers.sockets[0]?.session).toEqual({ number: 0 });
    const bytes = Buffer.from('welcome');
    handlers.sockets[0]?.send(bytes, true);
    bytes.fill(0); // they were taken
    await eventually('it is answered', () => got() === 'welcome');
    socket.end();
    await eventually('it is over', () => handlers.events.at(-1) === 'close 1006');
    expect(handlers.events).toEqual(['open', 'message hello', 'close 1006']);
  });

  it('keeps the order of corked sends', async () => {
    const handlers = new Handlers();
    const { got } = await clientOf(await listening(handlers));
    const socket = await eventually('it is open', () => handlers.sockets[0]);
    socket.cork(() => {
      for (const text of ['a', 'b', 'c']) socket.send(Buffer.from(text), true);
    });
    await eventually('all comes', () => got() === 'abc');
  });

  it('is closed after pending bytes are flushed', async () => {
    const handlers = new Handlers();
    const client = await clientOf(await listening(handlers));
    const socket = await eventually('it is open', () => handlers.sockets[0]);
    socket.send(Buffer.from('x'.repeat(500_000)), true);
    socket.close(4005, 'kicked');
    socket.send(Buffer.from('late'), true);
    socket.close(4000, 'twice');
    client.socket.write('late too');
    await eventually('it has ended', client.hasEnded);
    expect(client.got()).toBe('x'.repeat(500_000));
    await eventually('it is over', () => handlers.events.includes('close 4005'));
    expect(handlers.events.filter((event) => event !== 'writable')).toEqual([
      'open',
      'closing',
      'close 4005',
    ]);
  });

  it('is not reset if the peer still sends while it is closed', async () => {
    const handlers = new Handlers();
    handlers.heard = (socket) => {
      socket.send(Buffer.from('goodbye'), true);
      socket.close(4000, 'enough');
    };
    const client = await clientOf(await listening(handlers));
    for (let i = 0; i < 50; i++) client.socket.write('x'.repeat(20_000));
    await eventually('it has ended', client.hasEnded);
    expect(client.got()).toBe('goodbye');
    expect(handlers.events.filter((event) => event.startsWith('message'))).toHaveLength(1);
  });

  it('is gone at once when terminated', async () => {
    const handlers = new Handlers();
    await clientOf(await listening(handlers));
    const socket = await eventually('it is open', () => handlers.sockets[0]);
    socket.terminate();
    await eventually('it is over', () => handlers.events.at(-1) === 'close 1006');
    socket.send(Buffer.from('late'), true);
    socket.close(4000, 'late');
    expect(handlers.events).toEqual(['open', 'close 1006']);
  });

  it('is dropped if the peer sends nothing', async () => {
    const firstBytesMsMax = 200;
    const { handlers, told, speaking } = await firstOf('what it said came too late', async () => {
      const handlers = new Handlers();
      const told: string[] = [];
      const listener = await listening(handlers, {
        firstBytesMsMax,
        silent: () => void told.push('silent'),
      });
      const silent = await clientOf(listener);
      const hasClosed = once(silent.socket, 'close');
      const speaking = await clientOf(listener);
      speaking.socket.write('x');
      const isHeard = (): boolean => handlers.events.includes('message x');
      await eventually('it is heard, or gone', () => isHeard() || speaking.socket.destroyed);
      await hasClosed;
      return isHeard() ? { handlers, told, speaking } : undefined;
    });
    await eventually('the hub knows', () => handlers.events.includes('close 1006'));
    await new Promise((resolve) => setTimeout(resolve, 1.5 * firstBytesMsMax));
    expect(handlers.events.filter((event) => event.startsWith('close'))).toHaveLength(1);
    expect(speaking.socket.destroyed).toBe(false);
    expect(told).toEqual(['silent']);
  });

  it('can be refused, synchronously or later, and is told so in words that depend on what it says', async () => {
    const handlers = new Handlers();
    const refusal: TcpOptions<Session>['refusal'] = ({ status }, sent) =>
      sent.length < 5 ? undefined : Buffer.from(`${status} ${Buffer.from(sent)}`);
    const listener = await listening(handlers, { refusal });
    const answers = [
      () => ({ status: 429, message: 'too many' }),
      async () => ({ status: 503, message: 'full' }),
    ];
    for (const answer of answers) {
      handlers.answer = answer;
      const { socket, got, hasEnded } = await clientOf(listener);
      const { status } = await answer();
      for (const part of ['he', 'llo']) socket.write(part);
      await eventually('it is told, and ended', () => got() === `${status} hello` && hasEnded());
    }
    expect(handlers.events).toEqual([]);
  });

  it('that is refused is gone when there is nothing to say to it, or when it says too much first', async () => {
    const handlers = new Handlers();
    handlers.answer = () => ({ status: 429, message: 'too many' });
    const quiet = await clientOf(await listening(handlers));
    quiet.socket.write('hello');
    await eventually('it is gone', () => quiet.socket.destroyed);
    const asked: number[] = [];
    const refusal: TcpOptions<Session>['refusal'] = (_answer, sent) => {
      asked.push(sent.length);
      return undefined;
    };
    const talking = await clientOf(await listening(handlers, { refusal }));
    talking.socket.write('x'.repeat(1000));
    await eventually('it is gone', () => talking.socket.destroyed);
    expect(asked).toEqual([64]);
  });

  it('that is refused waits among the arrivals, and is dropped with them', async () => {
    const clock = new FakeClock();
    const dropped: string[] = [];
    const limits = { total: () => 100, perNetwork: 100, timeoutMs: 5000 };
    const arrivals = new Arrivals({
      limits,
      clock,
      networkOf: (address) => address,
      dropped: (why) => void dropped.push(why),
    });
    const handlers = new Handlers();
    handlers.answer = () => ({ status: 429, message: 'too many' });
    const { socket } = await clientOf(await listening(handlers, { arrivals, refusal: () => undefined }));
    await eventually('it waits', () => arrivals.count === 1);
    socket.write('hello');
    clock.advance(5001);
    arrivals.tick();
    await eventually('it is gone', () => socket.destroyed);
    expect(dropped).toEqual(['timeout']);
  });

  it('is not read before it is admitted', async () => {
    const handlers = new Handlers();
    let letIn = (_answer: UpgradeAnswer<Session>): void => {};
    handlers.answer = () =>
      new Promise((resolve) => {
        letIn = resolve;
      });
    const { socket } = await clientOf(await listening(handlers));
    socket.write('early');
    await eventually('it was asked', () => handlers.addresses.length === 1);
    expect(handlers.events).toEqual([]);
    letIn({ session: { number: 7 } });
    await eventually('it is heard', () => handlers.events.includes('message early'));
    expect(handlers.sockets[0]?.session).toEqual({ number: 7 });
    socket.write('later');
    await eventually('the rest is heard', () => handlers.events.includes('message later'));
    socket.end();
    await eventually('its end is heard', () => handlers.events.includes('close 1006'));
    expect(handlers.events).toEqual(['open', 'message early', 'message later', 'close 1006']);
  });
});

describe('a peer that does not read', () => {
  it('shows in bufferedBytes, drops sends over the limit, and becomes writable again', async () => {
    const handlers = new Handlers();
    const client = await clientOf(await listening(handlers, { queueBytesMax: 100_000 }));
    const socket = await eventually('it is open', () => handlers.sockets[0]);
    client.socket.pause();
    const piece = Buffer.alloc(50_000, 'x');
    for (let sent = 0; !handlers.events.includes('dropped'); sent += 1) {
      socket.send(piece, true);
      if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(sent).toBeLessThan(10_000);
    }
    expect(socket.bufferedBytes()).toBeGreaterThan(100_000);
    expect(socket.bufferedBytes()).toBeLessThanOrEqual(150_000);
    client.socket.resume();
    await eventually('it is writable', () => handlers.events.includes('writable'));
    await eventually('nothing waits', () => socket.bufferedBytes() === 0);
    // Only whole sends were dropped.
    await eventually('the rest arrives', () => client.got().length % piece.length === 0);
  });
});

describe('topics', () => {
  it('reach connections that joined, until they leave or end', async () => {
    const handlers = new Handlers();
    const listener = await listening(handlers);
    const clients = [await clientOf(listener), await clientOf(listener), await clientOf(listener)];
    await eventually('all are open', () => handlers.sockets.length === 3);
    const [first, second] = handlers.sockets;
    first?.join('a');
    second?.join('a');
    second?.join('b');
    const bytes = Buffer.from('1');
    listener.publish('a', bytes, true);
    bytes.fill(0);
    listener.publish('nobody', Buffer.from('x'), true);
    second?.leave('a');
    listener.publish('a', Buffer.from('2'), true);
    listener.publish('b', Buffer.from('3'), true);
    await eventually('all have theirs', () => clients.map(({ got }) => got()).join() === '12,13,');
    clients[1]?.socket.destroy();
    await eventually('one has ended', () => handlers.events.includes('close 1006'));
    listener.publish('b', Buffer.from('4'), true);
    first?.join('b');
    listener.publish('b', Buffer.from('5'), true);
    await eventually('the rest have theirs', () => clients.map(({ got }) => got()).join() === '125,13,');
  });

  it('leave together at the end of the turn, before what is sent or closed after them', async () => {
    const handlers = new Handlers();
    const listener = await listening(handlers);
    const clients = [await clientOf(listener), await clientOf(listener)];
    const [one, other] = await eventually('both are open', () =>
      handlers.sockets.length === 2 ? handlers.sockets : undefined,
    );
    for (const socket of [one!, other!]) socket.join('t');
    const shared = Buffer.from('a');
    listener.publish('t', shared, true);
    shared.fill(0); // its bytes were taken
    listener.publish('t', Buffer.from('b'), true);
    expect([one!.bufferedBytes(), other!.bufferedBytes()]).toEqual([2, 2]);
    one!.send(Buffer.from('c'), true);
    listener.publish('t', Buffer.from('d'), true);
    one!.close(4000, '');
    listener.publish('t', Buffer.from('e'), true);
    await eventually('all has come', () => clients.every(({ got }) => got().length >= 4));
    expect(new Set(clients.map(({ got }) => got()))).toEqual(new Set(['abcd', 'abde']));
  });
});

describe('the listener', () => {
  it('says why it cannot listen', async () => {
    const { port } = await listening(new Handlers());
    const options = {
      firstBytesMsMax: 1000,
      silent() {},
      queueBytesMax: 0,
      arrivals: roomForAll(),
      handlers: new Handlers(),
      refusal: () => undefined,
    };
    await expect(listenTcp(undefined, '127.0.0.1', port, options)).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: the port is in use`,
    );
  });

  it('can stop accepting, or drop all connections', async () => {
    const handlers = new Handlers();
    const listener = await listening(handlers);
    const client = await clientOf(listener);
    client.socket.write('x');
    await eventually('it is heard', () => handlers.events.includes('message x'));
    listener.stopAccepting();
    const late = connectTcp({ port: listener.port, host: '127.0.0.1' });
    await once(late, 'error');
    handlers.sockets[0]?.send(Buffer.from('still here'), true);
    await eventually('it is told', () => client.got() === 'still here');
    listener.close();
    await once(client.socket, 'close');
    await eventually('the hub knows', () => handlers.events.at(-1) === 'close 1006');
  });
});

/** Room for one connection that waits. */
function roomForOne(): { readonly arrivals: Arrivals; readonly dropped: string[] } {
  const dropped: string[] = [];
  const arrivals = new Arrivals({
    limits: { total: () => 1, perNetwork: 1, timeoutMs: 10_000 },
    clock: new FakeClock(),
    networkOf: (address) => address,
    dropped: (why) => dropped.push(why),
  });
  return { arrivals, dropped };
}

describe('connections that are not admitted yet', () => {
  it('make room for each other; those that were admitted stay', async () => {
    const handlers = new Handlers();
    const { arrivals, dropped } = roomForOne();
    const listener = await listening(handlers, { arrivals });
    const inside = await clientOf(listener);
    await eventually('it is open', () => handlers.sockets.length === 1);
    expect(arrivals.count).toBe(0);
    handlers.answer = () => new Promise(() => {}); // as long as its token is being verified
    const waiting = await clientOf(listener);
    await clientOf(listener);
    await eventually('it has gone', () => waiting.socket.destroyed);
    expect(dropped).toEqual(['crowded']);
    expect(inside.hasEnded()).toBe(false);
  });
});

describe('with TLS', () => {
  const setUp = async (
    options: Partial<TcpOptions<Session>> = {},
  ): Promise<{ handlers: Handlers; listener: Listener; ca: string }> => {
    const { certFile, keyFile, cert } = makeCertificate(temporaryDirectory());
    const tls = readTls({ tlsCertFile: certFile, tlsKeyFile: keyFile }, (path) => readFileSync(path, 'utf8'));
    const handlers = new Handlers();
    return { handlers, listener: await listening(handlers, options, tls), ca: cert };
  };

  it('a connection behaves the same', async () => {
    const { handlers, listener, ca } = await setUp();
    const secure = connectTls({ port: listener.port, host: '127.0.0.1', ca });
    const { socket, got, hasEnded } = await watched(secure, 'secureConnect');
    socket.write('hello');
    await eventually('it is heard', () => handlers.events.includes('message hello'));
    expect(handlers.addresses).toEqual(['127.0.0.1']);
    handlers.sockets[0]?.send(Buffer.from('x'.repeat(300_000)), true);
    handlers.sockets[0]?.close(4005, 'kicked');
    await eventually('it has ended', hasEnded);
    expect(got()).toBe('x'.repeat(300_000));
    await eventually('it is over', () => handlers.events.includes('close 4005'));
  });

  it('peers in their handshake make room for each other', async () => {
    const { arrivals, dropped } = roomForOne();
    const { handlers, listener, ca } = await setUp({ arrivals });
    const silent = await clientOf(listener);
    const secure = connectTls({ port: listener.port, host: '127.0.0.1', ca });
    const { socket } = await watched(secure, 'secureConnect');
    await eventually('it has gone', () => silent.socket.destroyed);
    socket.write('hello');
    await eventually('it is heard', () => handlers.events.includes('message hello'));
    expect(dropped).toEqual(['crowded']);
    expect(arrivals.count).toBe(0);
  });

  it('peers that do not complete a handshake are never opened', async () => {
    const { handlers, listener, ca } = await setUp();
    const plain = await clientOf(listener);
    plain.socket.write(Buffer.from('100c00044d5154540402003c0000', 'hex'));
    await once(plain.socket, 'close');
    const silent = await clientOf(listener);
    const secure = connectTls({ port: listener.port, host: '127.0.0.1', ca });
    const { socket } = await watched(secure, 'secureConnect');
    socket.write('hello');
    await eventually('it is heard', () => handlers.events.includes('message hello'));
    listener.close();
    await once(silent.socket, 'close');
    expect(handlers.sockets).toHaveLength(1);
  });
});
