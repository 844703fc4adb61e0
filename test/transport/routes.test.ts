/** What a listener promises its routes, on both transports, without a hub. */
import { afterEach, describe, expect, it } from 'vitest';
import { roomForAll } from '../../fixtures/arrivals.ts';
import { chooseTransport } from '../../src/transport/choose.ts';
import type { Connection, Listener, ListenerHandlers, Route } from '../../src/transport/transport.ts';
import { eventually } from '../support/eventually.ts';
import { Opcode, RawPeer, upgradeAnswer } from '../support/raw-peer.ts';
import { uwsLoads } from '../support/uws-loads.ts';

/** Notes what its connections do. The session is the query. */
class Noting implements ListenerHandlers<string> {
  readonly heard: string[] = [];
  readonly connections: Connection<string>[] = [];

  upgrade({ query }: { readonly query: string }) {
    return { session: query };
  }

  open(connection: Connection<string>): void {
    this.connections.push(connection);
    this.heard.push(`open ${connection.session}`);
  }

  message({ session }: Connection<string>, frame: Uint8Array): void {
    this.heard.push(`message ${session} ${Buffer.from(frame)}`);
  }

  controlPong({ session }: Connection<string>): void {
    this.heard.push(`pong ${session}`);
  }

  controlPing({ session }: Connection<string>): void {
    this.heard.push(`ping ${session}`);
  }

  writable(): void {}
  dropped(): void {}
  closing(): void {}

  close({ session }: Connection<string>, code: number): void {
    this.heard.push(`close ${session} ${code}`);
  }
}

describe.each(['uws', 'ws'] as const)('the routes of a listener on %s', (name) => {
  let listener: Listener | undefined;
  afterEach(() => listener?.close());

  async function listen(...paths: readonly string[]): Promise<Noting[]> {
    const { transport } = await chooseTransport(name);
    const handlers = paths.map(() => new Noting());
    const routes = paths.map((path, at): Route<unknown> => {
      const noting = handlers[at] as Noting;
      return { path, frameBytesMax: 1000, queueBytesMax: 0, handlers: noting };
    });
    listener = await transport.listen('127.0.0.1', 0, { routes, arrivals: roomForAll() });
    return handlers;
  }

  const skip = name === 'uws' && !uwsLoads();

  it.skipIf(skip)('get the whole query, a second question mark included', async () => {
    const [one] = (await listen('/one')) as [Noting];
    const peer = await RawPeer.open((listener as Listener).port, '/one?id=a?b');
    await eventually('it is open', () => one.heard.length === 1);
    expect(one.heard).toEqual(['open id=a?b']);
    peer.destroy();
  });

  it.skipIf(skip)('have handlers of their own, and the same topics', async () => {
    const [one, two] = (await listen('/one', '/two')) as [Noting, Noting];
    const { port } = listener as Listener;
    const first = await RawPeer.open(port, '/one?a');
    const second = await RawPeer.open(port, '/two?b');
    first.send(Opcode.text, 'x');
    second.send(Opcode.text, 'y');
    await eventually('both are heard', () => one.heard.length === 2 && two.heard.length === 2);
    expect(one.heard).toEqual(['open a', 'message a x']);
    expect(two.heard).toEqual(['open b', 'message b y']);
    for (const { connections } of [one, two]) connections[0]?.join('topic');
    listener?.publish('topic', Buffer.from('news'), false);
    for (const peer of [first, second]) expect((await peer.frames.next()).payload.toString()).toBe('news');
    first.destroy();
    await eventually('its end is heard', () => one.heard.length === 3);
    expect(one.heard[2]).toBe('close a 1006');
    expect(two.heard).toHaveLength(2);
    second.destroy();
  });

  it.skipIf(skip)('hear of pings, which are answered, and of pongs', async () => {
    const [one] = (await listen('/one')) as [Noting];
    const peer = await RawPeer.open((listener as Listener).port, '/one?a');
    peer.send(Opcode.ping, 'there?');
    const pong = await peer.frames.next();
    expect([pong.opcode, pong.payload.toString()]).toEqual([Opcode.pong, 'there?']);
    peer.send(Opcode.pong, 'unasked');
    await eventually('both are heard', () => one.heard.length === 3);
    expect(one.heard).toEqual(['open a', 'ping a', 'pong a']);
    peer.destroy();
  });

  it.skipIf(skip)('are named to whoever asks for another', async () => {
    await listen('/one', '/two');
    const { port } = listener as Listener;
    const { status, body } = await upgradeAnswer(port, '/three');
    expect([status, body]).toEqual([404, 'no such path; served here: /one, /two\n']);
    expect((await upgradeAnswer(port, '/two', { Upgrade: undefined })).status).toBe(426);
    expect((await upgradeAnswer(port, '/two?c')).status).toBe(101);
  });

  it.skipIf(skip)('get the whole query, whatever is in it', async () => {
    const [one] = (await listen('/one')) as [Noting];
    const peer = await RawPeer.open((listener as Listener).port, '/one?a?b=/c?');
    await eventually('it is open', () => one.heard.length > 0);
    expect(one.heard).toEqual(['open a?b=/c?']);
    peer.destroy();
  });

  it.skipIf(skip)('take a peer that names its subprotocols and has none', async () => {
    await listen('/one');
    const { port } = listener as Listener;
    expect((await upgradeAnswer(port, '/one', { 'Sec-WebSocket-Protocol': '' })).status).toBe(101);
  });

  it.skipIf(skip)('end the connection of whoever does not speak WebSocket', async () => {
    await listen('/one');
    const { port } = listener as Listener;
    for (const head of [
      ['GET /one HTTP/1.1', 'Host: x'],
      ['GET /two HTTP/1.1', 'Host: x'],
    ]) {
      const peer = await RawPeer.connect(port);
      const { status, headers } = await peer.ask(head);
      expect([426, 404]).toContain(status);
      expect(headers['connection']).toMatch(/\bclose\b/);
      await peer.closed;
    }
  });
});
