/**
 * Two servers beside each other, each with its own generators, loaded in turns: a slice of time the one, then the other.
 * What the host does to one it does to the other a second later. Runs one after the other differ by 10 % and more by
 * themselves, so they can't show 3 %. Processes differ, too (where memory lies, what V8 compiled when): start several.
 */
import { nowUs } from '../../src/cli/bench/clock.ts';
import { Generator } from '../../src/cli/bench/generator.ts';
import { WHOLE } from '../../src/cli/bench/load.ts';
import type { ReceiverReport, SenderReport } from '../../src/cli/bench/messages.ts';
import { limitOf } from '../../src/cli/bench/outcome.ts';
import { unreadByEnd } from '../peers/metrics.ts';
import type { Peer, Server } from '../peers/peer.ts';
import { generatorFile } from './generator-file.ts';
import { lostOf } from './measure.ts';
import { cpuUse, residentBytes } from './server-usage.ts';
import type { Shape } from './shapes.ts';

export interface SideBySide {
  readonly shape: string;
  readonly per: Shape['per'];
  /** CPU of the first over that of the second, of each pair of slices. */
  readonly ratios: readonly number[];
  readonly sides: readonly [Side, Side];
}

export interface Side {
  readonly name: string;
  /** Per event, delivery or connection, all threads, microseconds: over all slices. */
  readonly cpuUs: number;
  readonly residentBytes: number;
  /** Events lost, refused or not read, doubled or out of order, and connections cut off. */
  readonly wrong: number;
  /** The generator could not do what was asked: CPU may have been taken beside the slices. */
  readonly generatorLimit: string | undefined;
}

export interface Slices {
  /** Pairs of them. */
  readonly pairs: number;
  readonly ms: number;
  /** Of load before the first slice that counts, for each side. */
  readonly warmupMs: number;
  progress(line: string): void;
}

/** From the order until the first event; the processes of both sides hear of it by then. */
const LEAD_MS = 20;
/** What is under way at the end of a slice still belongs to it. */
const TRAIL_MS = 60;

/** @throws when a server or a generator does not start */
export async function sideBySide(
  shape: Shape,
  peers: readonly [Peer, Peer],
  { pairs, ms, warmupMs, progress }: Slices,
): Promise<SideBySide> {
  const opened: Loaded[] = [];
  try {
    for (const peer of peers) {
      progress(`${shape.name}: connecting to ${peer.name}`);
      opened.push(await Loaded.open(shape, peer));
    }
    const [one, other] = opened as [Loaded, Loaded];
    progress(`${shape.name}: warming up`);
    for (let warmMs = 0; warmMs < warmupMs; warmMs += ms) for (const side of opened) await side.slice(ms);
    for (const side of opened) await side.begin();
    const ratios: number[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      progress(`${shape.name}: ${pair + 1} of ${pairs} pairs`);
      const order = pair % 2 === 0 ? [one, other] : [other, one];
      for (const side of order) await side.slice(ms);
      ratios.push(one.lastUs / other.lastUs);
    }
    return { shape: shape.name, per: shape.per, ratios, sides: [await one.side(), await other.side()] };
  } finally {
    for (const side of opened) await side.stop();
  }
}

class Loaded {
  readonly #shape: Shape;
  readonly #peer: Peer;
  readonly #server: Server;
  readonly #receiver: Generator<ReceiverReport>;
  readonly #sender: Generator<SenderReport>;
  #usedUs = 0;
  /** Length of all slices that count. */
  #ms = 0;
  #before = { events: 0, deliveries: 0 };
  /** CPU of the last slice. */
  lastUs = 0;

  static async open(shape: Shape, peer: Peer): Promise<Loaded> {
    const server = await peer.start();
    const target = { ...server.target, ...(shape.wire !== undefined && { wire: shape.wire }) };
    const generators: { end(): void }[] = [];
    const generator = async <Report>(part: string): Promise<Generator<Report>> => {
      const started = new Generator<Report>(generatorFile, part);
      generators.push(started);
      await started.open({ target, load: shape, share: WHOLE });
      return started;
    };
    try {
      const receiver = await generator<ReceiverReport>('receiver');
      return new Loaded(shape, peer, server, receiver, await generator<SenderReport>('sender'));
    } catch (error) {
      for (const started of generators) started.end();
      await server.stop();
      throw error;
    }
  }

  private constructor(
    shape: Shape,
    peer: Peer,
    server: Server,
    receiver: Generator<ReceiverReport>,
    sender: Generator<SenderReport>,
  ) {
    this.#shape = shape;
    this.#peer = peer;
    this.#server = server;
    this.#receiver = receiver;
    this.#sender = sender;
  }

  /** From here on slices count. */
  async begin(): Promise<void> {
    this.#usedUs = 0;
    this.#ms = 0;
    const [sent, received] = await Promise.all([this.#sender.report(), this.#receiver.report()]);
    // From here on it tells how late it reads; of latencies nothing is wanted.
    this.#receiver.window({ fromUs: 0, toUs: 0 });
    this.#before = { events: sent.sentInAll, deliveries: received.receivedInAll };
  }

  async slice(ms: number): Promise<void> {
    const pids = this.#server.pids();
    const fromUs = nowUs() + LEAD_MS * 1e3;
    const before = cpuUse(pids).totalUs;
    const span = { fromUs, toUs: fromUs + ms * 1e3 };
    this.#sender.window(span); // it tells how late it is in windows only
    this.#sender.run(span, this.#shape.rate);
    await new Promise((resolve) => setTimeout(resolve, LEAD_MS + ms + TRAIL_MS));
    this.lastUs = cpuUse(pids).totalUs - before;
    this.#usedUs += this.lastUs;
    this.#ms += ms;
  }

  async side(): Promise<Side> {
    const bytes = residentBytes(this.#server.pids());
    const sent = await this.#sender.report();
    const received = await this.#receiver.report();
    const unread = await unreadByEnd(this.#server, sent);
    const { duplicated, disordered, receivedInAll } = received;
    const cutOff = sent.connectionsLost + received.connectionsLost;
    const units = {
      event: sent.sentInAll - this.#before.events,
      delivery: receivedInAll - this.#before.deliveries,
      connection: (this.#shape.subscribers * this.#ms) / 1e3,
    };
    return {
      name: this.#peer.name,
      cpuUs: this.#usedUs / units[this.#shape.per],
      residentBytes: bytes,
      wrong: lostOf(this.#shape, sent, received) + sent.refused + unread + duplicated + disordered + cutOff,
      generatorLimit: limitOf([sent], [received]),
    };
  }

  async stop(): Promise<void> {
    this.#sender.end();
    this.#receiver.end();
    await this.#server.stop();
  }
}
