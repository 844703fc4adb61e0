/**
 * A device that sends 50 events a second, and its followers: one per thread that subscribers can be on, so that one of
 * them shares its thread with the attacker. It keeps books of what became of every event, and of how long it took.
 */
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import { VICTIM } from './attack.ts';

export const EVENTS_PER_SECOND = 50;
/** Half of the burst that a device is allowed by default. */
const WAITING_MAX = 100;

export interface VictimOptions {
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly followers: number;
  /** Undefined where nobody needs a token. */
  readonly deviceToken?: string | undefined;
  readonly subscriberTokens?: readonly string[] | undefined;
}

/** What became of the events, over all followers; times in milliseconds. */
export interface VictimReport {
  readonly sent: number;
  readonly delivered: number;
  /** Told as a gap. */
  readonly gaps: number;
  /** The device was told that the hub did not take them. */
  readonly refused: number;
  /** Neither delivered nor told. */
  readonly lost: number;
  /** Came twice, or after a later one. */
  readonly disordered: number;
  /** How connections of the victim ended. */
  readonly closes: readonly string[];
  readonly before: Latency;
  readonly during: Latency;
}

export interface Latency {
  readonly events: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface Said {
  readonly op: string;
  readonly id?: number;
  readonly seq?: number;
  readonly source?: string;
  readonly type?: string;
  readonly from?: number;
  readonly to?: number;
  readonly skipped?: boolean;
  readonly data?: { readonly n: number; readonly at: number };
}

class Follower {
  readonly socket: WebSocket;
  /** Of each event by its number: how long it took, ms. */
  readonly tookMs = new Map<number, number>();
  readonly gaps: (readonly [from: number, to: number])[] = [];
  disordered = 0;
  subscribed = false;
  #last = -1;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (bytes: Buffer) => this.#take(JSON.parse(bytes.toString()) as Said));
  }

  #take({ op, source, type, data, from, to }: Said): void {
    if (op === 'subscribed') this.subscribed = true;
    else if (op === 'gap') this.gaps.push([from ?? 0, to ?? 0]);
    else if (op === 'event' && source === 'device' && type === 'message' && data?.n !== undefined) {
      if (data.n <= this.#last) this.disordered += 1;
      else this.tookMs.set(data.n, performance.now() - data.at);
      this.#last = Math.max(this.#last, data.n);
    }
  }

  toldOf(seq: number): boolean {
    return this.gaps.some(([from, to]) => from <= seq && seq <= to);
  }
}

export class Victim {
  readonly #device: WebSocket;
  readonly #followers: readonly Follower[];
  readonly #closes: string[] = [];
  /** Event → its seq; of refused ones undefined. */
  readonly #answers = new Map<number, number | undefined>();
  readonly #timer: NodeJS.Timeout;
  #startMs = performance.now();
  #sent = 0;
  #beforeFrom = 0;
  #duringFrom = Number.POSITIVE_INFINITY;
  #duringTo = Number.POSITIVE_INFINITY;
  #isOver = false;

  static async join(options: VictimOptions): Promise<Victim> {
    const { devicePort, subscriberPort, deviceToken, subscriberTokens } = options;
    const device = connect(`ws://127.0.0.1:${devicePort}/v1/device?id=${VICTIM}`, deviceToken);
    await opened(device);
    const followers: Follower[] = [];
    for (let n = 0; n < options.followers; n++) {
      const url = `ws://127.0.0.1:${subscriberPort}/v1/subscribe?id=${followerId(n)}&devices=${VICTIM}`;
      const follower = new Follower(connect(url, subscriberTokens?.[n])); // before it opens: the first frames come at once
      await opened(follower.socket);
      followers.push(follower);
    }
    await eventually('the followers follow', () => followers.every(({ subscribed }) => subscribed));
    return new Victim(device, followers);
  }

  private constructor(device: WebSocket, followers: readonly Follower[]) {
    this.#device = device;
    this.#followers = followers;
    device.on('message', (bytes: Buffer) => this.#answered(JSON.parse(bytes.toString()) as Said));
    for (const [name, socket] of [
      ['device', device] as const,
      ...followers.map((one) => ['follower', one.socket] as const),
    ])
      socket.on('close', (code) => {
        if (!this.#isOver) this.#closes.push(`${name} closed with ${code}`);
      });
    this.#timer = setInterval(() => this.#send(), 1000 / EVENTS_PER_SECOND / 2);
  }

  /** From here on events count as those before the attack: threads have warmed up. */
  before(): void {
    this.#beforeFrom = this.#sent;
  }

  attackBegins(): void {
    this.#duringFrom = this.#sent;
  }

  attackEnds(): void {
    this.#duringTo = this.#sent;
  }

  /** Stops sending, waits until all is told that will be, and leaves. */
  async report(): Promise<VictimReport> {
    clearInterval(this.#timer);
    await eventually('the last event is told of', () => this.#isSettled()).catch(() => {});
    this.#isOver = true;
    for (const socket of [this.#device, ...this.#followers.map((one) => one.socket)]) socket.close();
    return {
      sent: this.#sent,
      ...this.#books(),
      disordered: this.#followers.reduce((sum, one) => sum + one.disordered, 0),
      closes: this.#closes,
      before: this.#latency(this.#beforeFrom, this.#duringFrom),
      during: this.#latency(this.#duringFrom, this.#duringTo),
    };
  }

  /**
   * As many as are due, so that a late timer changes nothing about the rate. But what waits for an answer must stay
   * within the burst that a device is allowed: a hub that stood still reads it in one go, and would refuse the rest.
   */
  #send(): void {
    const due = ((performance.now() - this.#startMs) / 1000) * EVENTS_PER_SECOND;
    const excess = due - this.#answers.size - WAITING_MAX;
    if (excess > 0) this.#startMs += (excess / EVENTS_PER_SECOND) * 1000; // is not made up for
    for (
      ;
      this.#sent < due - Math.max(0, excess) && this.#device.readyState === WebSocket.OPEN;
      this.#sent++
    ) {
      const data = { n: this.#sent, at: performance.now() };
      this.#device.send(JSON.stringify({ type: 'message', id: this.#sent, data }));
    }
  }

  #answered({ op, id, seq, skipped }: Said): void {
    if (id === undefined) return;
    if (op === 'ack' && skipped !== true) this.#answers.set(id, seq);
    if (op === 'error') this.#answers.set(id, undefined);
  }

  #isSettled(): boolean {
    const last = this.#sent - 1;
    const isAnswered = this.#answers.has(last);
    const seq = this.#answers.get(last);
    const isTold = (one: Follower) => seq === undefined || one.tookMs.has(last) || one.toldOf(seq);
    return isAnswered && this.#followers.every(isTold);
  }

  #books(): Pick<VictimReport, 'delivered' | 'gaps' | 'refused' | 'lost'> {
    const books = { delivered: 0, gaps: 0, refused: 0, lost: 0 };
    for (const follower of this.#followers)
      for (let n = 0; n < this.#sent; n++) {
        const seq = this.#answers.get(n);
        if (follower.tookMs.has(n)) books.delivered += 1;
        else if (seq !== undefined && follower.toldOf(seq)) books.gaps += 1;
        else if (seq === undefined && this.#answers.has(n)) books.refused += 1;
        else books.lost += 1;
      }
    return books;
  }

  #latency(from: number, to: number): Latency {
    const took = this.#followers
      .flatMap((one) => [...one.tookMs].filter(([n]) => n >= from && n < to).map(([, ms]) => ms))
      .sort((one, other) => one - other);
    const at = (share: number): number =>
      took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0;
    return { events: took.length, p50: at(0.5), p99: at(0.99), max: at(1) };
  }
}

export function followerId(n: number): string {
  return `follower-${n}`;
}

function connect(url: string, token: string | undefined): WebSocket {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new WebSocket(url, { headers, perMessageDeflate: false });
}

async function opened(socket: WebSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {}); // 'close' follows
}
