/**
 * `npm run bench:nats`: what a message between nodes takes NATS and its client, beside what the hub's own code takes
 * (`bench:cluster-model`). A server, a process that sends and one that receives, on loopback.
 *
 *   --messages N     of each size, default 200000
 *   --listeners N    connections that all hear a beat, default 200
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { numbersOf } from '../load/arguments.ts';
import { cpuUse } from '../load/server-usage.ts';
import { startNats } from '../peers/clusters.ts';

/** Where the receiving process finds its server. */
const RECEIVER_URL = 'BENCH_NATS_URL';
/** A beat, an event alone, a batch that is full. */
const SIZES = [130, 250, 2048, 16_384] as const;
/** Sent in one turn, as a flush does for several nodes. */
const TURN = 20;
const { messages: asked, listeners } = numbersOf('bench:nats', {
  messages: { default: 200_000, least: TURN },
  listeners: { default: 200, least: 1 },
});
const messages = Math.round(asked / TURN) * TURN;
/** NATS delivers at most once: what has not come by then was dropped. */
const ARRIVAL_MAX_MS = 20_000;
const LOOK_MS = 5;

interface Received {
  readonly cpuUs: number;
  readonly count: number;
}

const receiverUrl = process.env[RECEIVER_URL];
if (receiverUrl === undefined) await main();
else await receive(receiverUrl);

/** A process of its own: hears `to.N` on one connection, and `all` on as many as are asked for. */
async function receive(url: string): Promise<void> {
  const connections: NatsConnection[] = [];
  let count = 0;
  const hear = (connection: NatsConnection, subject: string): void => {
    connection.subscribe(subject, {
      callback: () => {
        count += 1;
      },
    });
  };
  for (let n = 0; n < listeners; n++) connections.push(await connect({ servers: url }));
  hear(connections[0]!, 'to.one');
  for (const connection of connections) hear(connection, 'all');
  await Promise.all(connections.map((connection) => connection.flush()));
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send!({ cpuUs: user + system, count } satisfies Received);
  });
  process.once('disconnect', () => process.exit());
  process.send!('ready');
}

async function main(): Promise<void> {
  const nats = await startNats();
  const url = `nats://127.0.0.1:${nats.port}`;
  const receiver = fork(fileURLToPath(import.meta.url), ['--listeners', `${listeners}`], {
    env: { ...process.env, [RECEIVER_URL]: url },
  });
  try {
    await once(receiver, 'message');
    const connection = await connect({ servers: url });
    const ask = async (): Promise<Received> => {
      receiver.send('tell');
      return (await once(receiver, 'message'))[0] as Received;
    };
    /** Sends, waits until all has come, and says what each message took whom. */
    const measure = async (subject: string, bytes: number, sends: number, each: number): Promise<string> => {
      const payload = new Uint8Array(bytes);
      const before = {
        own: process.cpuUsage(),
        server: cpuUse([nats.spawned.child.pid!]),
        other: await ask(),
      };
      for (let sent = 0; sent < sends; sent += TURN) {
        for (let n = 0; n < TURN; n++) connection.publish(subject, payload);
        if ((sent / TURN) % 50 === 49) await connection.flush();
        else await new Promise(setImmediate);
      }
      await connection.flush();
      const own = process.cpuUsage(before.own);
      let other = await ask();
      const wanted = before.other.count + sends * each;
      for (const endMs = performance.now() + ARRIVAL_MAX_MS; other.count < wanted; other = await ask()) {
        if (performance.now() > endMs)
          throw new Error(`${wanted - other.count} of ${sends * each} did not come`);
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
      const server = cpuUse([nats.spawned.child.pid!]).totalUs - before.server.totalUs;
      const per = (us: number, count: number): string => (us / count).toFixed(2).padStart(6);
      return (
        `send ${per(own.user + own.system, sends)} µs   server ${per(server, sends * each)} µs per delivery   ` +
        `receive ${per(other.cpuUs - before.other.cpuUs, sends * each)} µs`
      );
    };
    await measure('to.one', 130, 20_000, 1); // warms up
    for (const bytes of SIZES)
      console.log(
        `${String(bytes).padStart(6)} B to one      ${await measure('to.one', bytes, messages, 1)}`,
      );
    const sends = Math.max(TURN, Math.round(messages / listeners / TURN) * TURN);
    console.log(
      `${String(SIZES[0]).padStart(6)} B to ${String(listeners).padEnd(4)}     ${await measure('all', SIZES[0], sends, listeners)}`,
    );
    await connection.close();
  } finally {
    receiver.kill();
    await nats.stop();
  }
}
