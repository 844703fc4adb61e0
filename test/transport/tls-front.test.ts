/** What ends TLS, in front of a plain server that the test plays. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Arrivals } from '../../src/transport/arrivals.ts';
import { openTlsFront, type TlsFront } from '../../src/transport/tls-front.ts';
import { makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { clientFrame, closeFrame } from '../support/websocket-frames.ts';

const directory = mkdtempSync(join(tmpdir(), 'dat-test-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const certificateOf = (name: string) => {
  const { cert, keyFile } = makeCertificate(directory, name);
  return { cert, key: readFileSync(keyFile, 'utf8') };
};
const certificate = certificateOf('first');
const other = certificateOf('other');
const PROXY_HEADER_BYTES = 28; // with addresses of IPv4
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const UPGRADED = 'HTTP/1.1 101 Switching Protocols\r\n\r\n';

/** Listens, and is busy with something else until it gets a message. */
const BUSY_LISTENER = `
  const { createServer } = require('node:net');
  const { parentPort, receiveMessageOnPort, workerData } = require('node:worker_threads');
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(${JSON.stringify(UPGRADED)}));
  });
  server.listen({ path: workerData, backlog: 1 }, () => {
    parentPort.postMessage('listens');
    const never = new Int32Array(new SharedArrayBuffer(4));
    while (receiveMessageOnPort(parentPort) === undefined) Atomics.wait(never, 0, 0, 10);
  });
`;

let sockets = 0;

class Stage {
  readonly clock = new FakeClock();
  readonly dropped: string[] = [];
  /** The listener's ends of the connections, oldest first. */
  readonly behind: Socket[] = [];
  readonly arrivals = new Arrivals({
    limits: { total: () => 100, perNetwork: 100, timeoutMs: 10_000 },
    clock: this.clock,
    networkOf: (address) => address,
    dropped: (why) => this.dropped.push(why),
  });
  readonly #clients: TLSSocket[] = [];
  #server!: Server;
  front!: TlsFront;

  async open(): Promise<this> {
    const path = join(directory, `${sockets++}.sock`);
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      this.behind.push(socket);
    });
    await new Promise<void>((resolve) => this.#server.listen(path, resolve));
    this.front = await openTlsFront({
      host: '127.0.0.1',
      port: 0,
      path,
      certificate,
      arrivals: this.arrivals,
    });
    return this;
  }

  async connect(ca = certificate.cert): Promise<{ client: TLSSocket; behind: Socket }> {
    const client = connectTls({
      port: this.front.port,
      host: '127.0.0.1',
      ca,
      allowHalfOpen: true,
    } as object);
    this.#clients.push(client);
    client.on('error', () => {});
    await once(client, 'secureConnect');
    const at = this.behind.length;
    const behind = await eventually('it is known behind', () => this.behind[at]);
    const header = await eventually('it is told of', () => behind.read(PROXY_HEADER_BYTES) as Buffer | null);
    expect(header.subarray(16, 20)).toEqual(Buffer.from([127, 0, 0, 1]));
    expect(header.readUInt16BE(24)).toBe(client.localPort);
    return { client, behind };
  }

  /** The same, after an upgrade. */
  async upgraded(): Promise<{ client: TLSSocket; behind: Socket }> {
    const { client, behind } = await this.connect();
    client.write(REQUEST);
    await eventually('it asks', () => behind.read(REQUEST.length) as Buffer | null);
    behind.write(UPGRADED);
    await eventually('it is answered', () => client.read(UPGRADED.length) as Buffer | null);
    return { client, behind };
  }

  close(): void {
    this.front.close();
    for (const socket of [...this.#clients, ...this.behind]) socket.destroy();
    this.#server.close();
    this.arrivals.clear();
  }
}

describe('what ends TLS', () => {
  let stage: Stage;
  afterEach(() => stage.close());

  it('carries bytes both ways, whole and in order, whatever the other takes', async () => {
    stage = await new Stage().open();
    const { client, behind } = await stage.upgraded();
    const bytes = Buffer.alloc(3_000_000, 'a-b-c-d-e-f-');
    const received = async (from: Socket): Promise<Buffer> => {
      const parts: Buffer[] = [];
      let length = 0;
      for await (const part of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        parts.push(part);
        length += part.length;
        if (length % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1)); // takes its time
        if (length >= bytes.length) break;
      }
      return Buffer.concat(parts);
    };
    client.write(bytes);
    expect((await received(behind)).equals(bytes)).toBe(true);
    behind.write(bytes);
    expect((await received(client)).equals(bytes)).toBe(true);
  });

  it('takes no more from the listener than the client does', async () => {
    stage = await new Stage().open();
    const { client, behind } = await stage.upgraded();
    client.pause();
    let taken = 0;
    while (behind.write(Buffer.alloc(65_536)) || taken < 64) {
      taken += 1;
      if (taken > 2000) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(behind.writableLength).toBeGreaterThan(0);
  });

  it('hands on every byte before the end of TLS, then the end', async () => {
    stage = await new Stage().open();
    const { client, behind } = await stage.upgraded();
    client.end('last words');
    const parts: Buffer[] = [];
    behind.on('data', (part: Buffer) => parts.push(part));
    await once(behind, 'end');
    expect(Buffer.concat(parts).toString()).toBe('last words');
  });

  it('hands on one request only, and what follows it once that is upgraded', async () => {
    stage = await new Stage().open();
    const { client, behind } = await stage.connect();
    client.resume().write(`${REQUEST}${REQUEST}more`);
    const parts: Buffer[] = [];
    behind.on('data', (part: Buffer) => parts.push(part));
    const got = () => Buffer.concat(parts).toString();
    await eventually('the first request', () => got() === REQUEST);
    client.end(' and more');
    for (const piece of ['HTTP/1.1', ' 101 Switching Protocols\r\n\r\n']) {
      expect(got()).toBe(REQUEST);
      behind.write(piece);
      await once(client, 'data');
    }
    await once(behind, 'end');
    expect(got()).toBe(`${REQUEST}${REQUEST}more and more`);
  });

  it('hands on nothing behind a request that was refused', async () => {
    stage = await new Stage().open();
    const { client, behind } = await stage.connect();
    client.resume().write(`${REQUEST}${REQUEST}`);
    const parts: Buffer[] = [];
    behind.on('data', (part: Buffer) => parts.push(part));
    await eventually('the first request', () => parts.length > 0);
    behind.write('HTTP/1.1 404 Not Found\r\n\r\n');
    await once(client, 'data');
    client.end(REQUEST);
    await once(behind, 'end');
    expect(Buffer.concat(parts).toString()).toBe(REQUEST);
  });

  it('ends TLS with a refusal at once', async () => {
    stage = await new Stage().open();
    const { client, behind } = await stage.connect();
    client.resume();
    behind.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    await once(client, 'end');
  });

  it('ends TLS behind a close frame when the client has answered it', async () => {
    stage = await new Stage().open();
    const { client, behind } = await stage.upgraded();
    let hasEnded = false;
    client.resume().on('end', () => {
      hasEnded = true;
    });
    behind.end();
    await new Promise((resolve) => setTimeout(resolve, 200));
    client.write(clientFrame({ opcode: 1 })); // is no answer
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(hasEnded).toBe(false);
    client.write(closeFrame(1000));
    await eventually('it ends', () => hasEnded);
  });

  it('ends TLS at once when the client has closed first', async () => {
    stage = await new Stage().open();
    const { client, behind } = await stage.upgraded();
    client.resume();
    client.write(closeFrame(1000));
    await once(behind, 'readable');
    behind.end();
    await once(client, 'end');
  });

  it('drops both ends when either is lost', async () => {
    stage = await new Stage().open();
    const one = await stage.connect();
    one.client.destroy();
    one.behind.resume();
    await once(one.behind, 'end');
    const two = await stage.connect();
    two.client.resume();
    two.behind.destroy();
    await once(two.client, 'end');
  });

  it('lets connections wait until the listener answers, whoever does not finish the handshake too', async () => {
    stage = await new Stage().open();
    const { client, behind } = await stage.connect();
    const mute = connectTcp(stage.front.port, '127.0.0.1')
      .on('error', () => {})
      .resume();
    await eventually('both wait', () => stage.arrivals.count === 2);
    behind.write(UPGRADED);
    await once(client, 'data');
    expect(stage.arrivals.count).toBe(1);
    stage.clock.nowMs += 10_000;
    stage.arrivals.tick();
    await once(mute, 'close');
    expect(stage.dropped).toEqual(['timeout']);
    expect(client.destroyed).toBe(false);
  });

  it('lets a client wait until the listener accepts again', async () => {
    stage = await new Stage().open();
    const path = join(directory, 'busy.sock');
    const busy = new Worker(BUSY_LISTENER, { eval: true, workerData: path });
    await once(busy, 'message');
    const others: Socket[] = [];
    const isFull = (): Promise<boolean> =>
      new Promise((resolve) => {
        others.push(
          connectTcp(path)
            .once('connect', () => resolve(false))
            .once('error', () => resolve(true)),
        );
      });
    while (!(await isFull()));
    const { arrivals } = stage;
    const front = await openTlsFront({ host: '127.0.0.1', port: 0, path, certificate, arrivals });
    const client = connectTls({ port: front.port, host: '127.0.0.1', ca: certificate.cert });
    client.on('error', () => {});
    await once(client, 'secureConnect');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(client.destroyed).toBe(false);
    client.write(REQUEST);
    busy.postMessage('go on');
    expect(String(await once(client, 'data'))).toBe(UPGRADED);
    for (const socket of [client, ...others]) socket.destroy();
    front.close();
    await busy.terminate();
  });

  it('shows another certificate to new connections, once it is renewed', async () => {
    stage = await new Stage().open();
    const { client } = await stage.connect();
    stage.front.useTls(other);
    await stage.connect(other.cert);
    expect(client.destroyed).toBe(false);
  });

  it('accepts nobody any more when it is told, and leaves those that are there', async () => {
    stage = await new Stage().open();
    const { client, behind } = await stage.upgraded();
    stage.front.stopAccepting();
    const late = connectTcp(stage.front.port, '127.0.0.1');
    await expect(once(late, 'connect')).rejects.toThrow('ECONNREFUSED');
    client.write('still');
    await once(behind, 'readable');
  });
});
