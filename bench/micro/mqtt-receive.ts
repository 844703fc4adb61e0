/**
 * What receiving a small MQTT event costs the hub's thread, over TCP and over WebSocket: transport, framing and session,
 * with a hub behind them that does nothing. `npm run build && node dist/bench/micro/mqtt-receive.js [rounds]`: each
 * round runs both in turns, in a process of its own that does nothing else; medians over the rounds.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type Socket as ClientSocket, connect as connectTcp } from 'node:net';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { roomForAll } from '../../fixtures/arrivals.ts';
import { countFrom } from '../../src/cli/command.ts';
import { systemClock } from '../../src/clock.ts';
import { chooseTransport } from '../../src/transport/choose.ts';
import { listenTcp } from '../../src/transport/tcp.ts';
import type { Connection, ListenerHandlers } from '../../src/transport/transport.ts';
import type { Joined, JoinRequest, MqttHost, PublishedEvent } from '../../src/wire/mqtt/host.ts';
import { MqttSession } from '../../src/wire/mqtt/session.ts';
import { DEFAULT_TEMPLATES, readTemplates } from '../../src/wire/mqtt/templates.ts';
import { TopicLayout } from '../../src/wire/mqtt/topics.ts';
import { median } from '../load/results.ts';

const CONNECTIONS = 1000;
const EVENTS_PER_SECOND = 20_000;
const WARM_UP_MS = 3000;
const MEASURED_MS = 5000;
const PAYLOAD = JSON.stringify({ temperature: 21.5, pad: 'x'.repeat(99) });
const ways = ['tcp', 'websocket'] as const;
type Way = (typeof ways)[number];

interface Mark {
  readonly events: number;
  readonly cpuUs: number;
}

/** Says yes to everything and counts. */
class Nobody implements MqttHost {
  static events = 0;
  readonly listener = 'tcp';
  readonly session: MqttSession;
  socket: Connection<Nobody> | undefined;

  constructor() {
    this.session = new MqttSession(this, context);
  }
  write(bytes: Uint8Array): void {
    this.socket?.send(bytes, true);
  }
  end(code: number, reason: string): void {
    this.socket?.close(code, reason);
  }
  admit(
    { clientId: id }: { clientId: string },
    answer: (admission: { ok: true; id: string; role: undefined }) => void,
  ): void {
    answer({ ok: true, id, role: undefined });
  }
  join(_request: JoinRequest, answer: (joined: Joined) => void): void {
    answer({ ok: true, kept: undefined });
  }
  publish(event: PublishedEvent): number {
    if (event.payloadIsJson) Nobody.events += 1;
    return 0;
  }
  becomeDevice(): void {}
  becomeSubscriber(): void {}
  deliverOneByOne(done: () => void): void {
    done();
  }
  coversDevice(): boolean {
    return false;
  }
  isUnanswered(): boolean {
    return false;
  }
  subscribe(): void {}
  unsubscribe(): void {}
  watchInterest(): void {}
  charge(): boolean {
    return true;
  }
  count(): void {}
  leave(): void {}
}

const read = readTemplates(DEFAULT_TEMPLATES);
if (!read.ok) throw new Error(read.problems.join('; '));
const context = {
  layout: new TopicLayout(read.templates),
  clock: systemClock,
  settings: { packetBytesMax: 65_536, keptMsMax: 0, keepAliveSecondsMax: 0 },
};

const handlers: ListenerHandlers<Nobody> = {
  upgrade: (request) => ({
    session: new Nobody(),
    ...(request.header('upgrade') === '' ? {} : { protocol: 'mqtt' }),
  }),
  open: (socket) => {
    socket.session.socket = socket;
  },
  message: ({ session }, bytes) => session.session.receive(bytes, systemClock.now()),
  controlPong() {},
  controlPing() {},
  writable() {},
  dropped() {},
  closing() {},
  close: ({ session }) => session.session.closed(),
};

async function serve(way: Way): Promise<void> {
  const { transport } = await chooseTransport('uws');
  const arrivals = roomForAll();
  const options = {
    routes: [{ path: '/mqtt', frameBytesMax: 65_536, queueBytesMax: 0, handlers }],
    arrivals,
  };
  const { port } =
    way === 'tcp'
      ? await listenTcp(undefined, '127.0.0.1', 0, {
          firstBytesMsMax: 10_000,
          silent() {},
          queueBytesMax: 0,
          arrivals,
          handlers,
          refusal: () => new Uint8Array(0), // nobody is turned away
        })
      : await transport.listen('127.0.0.1', 0, options);
  process.once('disconnect', () => process.exit());
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ events: Nobody.events, cpuUs: user + system } satisfies Mark);
  });
  process.send?.(port);
}

function packet(head: number, body: Buffer): Buffer {
  const length = body.length < 128 ? [body.length] : [(body.length & 0x7f) | 0x80, body.length >> 7];
  return Buffer.concat([Buffer.from([head, ...length]), body]);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length >> 8, value.length & 0xff]), Buffer.from(value)]);
}

/** A frame of a client; its mask is zero. */
function frame(payload: Buffer): Buffer {
  const length =
    payload.length < 126 ? [0x80 | payload.length] : [0xfe, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from([0x82, ...length, 0, 0, 0, 0]), payload]);
}

const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: mqtt',
  '\r\n',
].join('\r\n');

interface Client {
  readonly socket: ClientSocket;
  readonly event: Buffer;
}

async function open(port: number, way: Way, number: number): Promise<Client> {
  const id = `device-${String(number).padStart(6, '0')}`;
  const socket = connectTcp({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  const wrap = (bytes: Buffer): Buffer => (way === 'tcp' ? bytes : frame(bytes));
  if (way === 'websocket') {
    socket.write(UPGRADE);
    await once(socket, 'data');
  }
  const head = Buffer.concat([text('MQTT'), Buffer.from([4, 2, 0, 0])]);
  socket.write(wrap(packet(0x10, Buffer.concat([head, text(id)]))));
  await once(socket, 'data');
  const topic = text(`devices/${id}/message`);
  return { socket, event: wrap(packet(0x30, Buffer.concat([topic, Buffer.from(PAYLOAD)]))) };
}

/** Sends events of one client after the other, evenly over time. */
async function load(clients: readonly Client[], ms: number): Promise<void> {
  const start = performance.now();
  for (let sent = 0; ; ) {
    const passed = performance.now() - start;
    for (const due = (Math.min(passed, ms) / 1000) * EVENTS_PER_SECOND; sent < due; sent++) {
      const { socket, event } = clients[sent % clients.length]!;
      socket.write(event);
    }
    if (passed > ms) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function mark(child: ChildProcess): Promise<Mark> {
  child.send('mark');
  const [said] = await once(child, 'message');
  return said as Mark;
}

/** @returns CPU of the server per event, µs */
async function measure(way: Way): Promise<number> {
  const child = fork(fileURLToPath(import.meta.url), ['serve', way]);
  try {
    return await measureOn(child, way);
  } finally {
    child.kill();
  }
}

async function measureOn(child: ChildProcess, way: Way): Promise<number> {
  const [port] = (await once(child, 'message')) as [number];
  const clients: Client[] = [];
  for (let i = 0; i < CONNECTIONS; i++) clients.push(await open(port, way, i));
  await load(clients, WARM_UP_MS);
  const before = await mark(child);
  await load(clients, MEASURED_MS);
  const after = await mark(child);
  const events = after.events - before.events;
  if (events < 0.9 * EVENTS_PER_SECOND * (MEASURED_MS / 1000))
    throw new Error(`${way}: only ${events} events came`);
  for (const { socket } of clients) socket.destroy();
  return (after.cpuUs - before.cpuUs) / events;
}

async function run(rounds: number): Promise<void> {
  console.log(`${cpus()[0]?.model}, ${availableParallelism()} cores, Node ${process.versions.node}`);
  console.log(`${CONNECTIONS} connections, ${EVENTS_PER_SECOND} events/s of ${PAYLOAD.length} B at QoS 0`);
  const found: Record<Way, number[]> = { tcp: [], websocket: [] };
  for (let round = 0; round < rounds; round++) {
    for (const way of ways) found[way].push(await measure(way));
  }
  for (const way of ways) {
    const sorted = found[way].sort((a, b) => a - b);
    const [least, most] = [sorted[0], sorted.at(-1)];
    console.log(
      `${way.padEnd(10)} ${median(sorted).toFixed(2)} µs per event [${least?.toFixed(2)}–${most?.toFixed(2)}]`,
    );
  }
}

const [role, argument] = process.argv.slice(2);
if (role === 'serve') await serve(argument as Way);
else await run(countFrom(1)(role ?? '3'));
