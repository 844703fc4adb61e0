/** Runs routes on another node: a name and a body go out, a body comes back. Cluster thread only. */
import type { Clock } from '../clock.ts';
import type { CallAnswer, ClusterHost } from './host.ts';
import {
  CALL_BYTES_MAX,
  CALL_BYTES_WAITING_MAX,
  CALL_MS,
  CALL_PIECES_MAX,
  CALLS_MAX,
  PART_BYTES,
} from './limits.ts';
import type { Peer } from './peer.ts';
import { call, reply } from './records.ts';
import { requestNumbers } from './request-numbers.ts';

interface Waiting {
  readonly peer: Peer;
  readonly untilMs: number;
  readonly chunks: Uint8Array[];
  bytes: number;
  readonly resolve: (answer: CallAnswer) => void;
}

interface Incoming {
  readonly name: string;
  readonly chunks: Uint8Array[];
  bytes: number;
}

const NONE = new Uint8Array(0);
const AWAY = 503;
const TOO_LATE = 504;
const TOO_LARGE = 413;
const FAILED = 500;
const STATUS_MIN = 100;
const STATUS_MAX = 599;

export class Calls {
  readonly #clock: Clock;
  readonly #host: ClusterHost;
  readonly #waiting = new Map<number, Waiting>();
  /** Bodies that are not complete, by peer and request. */
  readonly #incoming = new Map<Peer, Map<number, Incoming>>();
  #running = 0;
  readonly #nextRequest = requestNumbers();

  constructor(clock: Clock, host: ClusterHost) {
    this.#clock = clock;
    this.#host = host;
  }

  /**
   * Runs a route on the peer's node. @returns its answer; status 503 if the node is away, 504 if it took too long, 413
   * if a body is too large
   */
  call(peer: Peer | undefined, name: string, body: Uint8Array): Promise<CallAnswer> {
    if (peer?.isReady !== true || this.#waiting.size >= CALLS_MAX) return answered(AWAY);
    if (body.length > CALL_BYTES_MAX) return answered(TOO_LARGE);
    const request = this.#nextRequest();
    for (const { chunk, more } of chunksOf(body))
      call.write(peer.session, { request, name, more, body: chunk });
    return new Promise((resolve) => {
      const untilMs = this.#clock.now() + CALL_MS;
      this.#waiting.set(request, { peer, untilMs, chunks: [], bytes: 0, resolve });
    });
  }

  onCall(
    peer: Peer,
    { request, name, more, body }: { request: number; name: string; more: boolean; body: Uint8Array },
  ): void {
    const ofPeer = this.#incoming.get(peer) ?? new Map<number, Incoming>();
    this.#incoming.set(peer, ofPeer);
    const incoming = ofPeer.get(request) ?? { name, chunks: [], bytes: 0 };
    incoming.chunks.push(body);
    incoming.bytes += body.length;
    const waits = more ? [...ofPeer.values()].reduce((sum, { bytes }) => sum + bytes, 0) : 0;
    const isTooMuch = waits > CALL_BYTES_WAITING_MAX || (more && ofPeer.size >= CALLS_MAX);
    if (isTooLarge(incoming) || isTooMuch) {
      ofPeer.delete(request);
      this.#reply(peer, request, { status: TOO_LARGE, body: NONE });
      return;
    }
    if (more) {
      ofPeer.set(request, incoming);
      return;
    }
    ofPeer.delete(request);
    this.#run(peer, request, incoming);
  }

  onReply(
    peer: Peer,
    { request, status, more, body }: { request: number; status: number; more: boolean; body: Uint8Array },
  ): void {
    const waiting = this.#waiting.get(request);
    if (waiting === undefined || waiting.peer !== peer) return;
    waiting.chunks.push(body);
    waiting.bytes += body.length;
    if (isTooLarge(waiting)) {
      this.#settle(request, waiting, { status: TOO_LARGE, body: NONE });
      return;
    }
    if (more) return;
    const isStatus = status >= STATUS_MIN && status <= STATUS_MAX;
    this.#settle(request, waiting, {
      status: isStatus ? status : FAILED,
      body: Buffer.concat(waiting.chunks),
    });
  }

  sessionEnded(peer: Peer): void {
    this.#incoming.delete(peer);
    for (const [request, waiting] of this.#waiting) {
      if (waiting.peer === peer) this.#settle(request, waiting, { status: AWAY, body: NONE });
    }
  }

  tick(): void {
    const now = this.#clock.now();
    for (const [request, waiting] of this.#waiting) {
      if (waiting.untilMs <= now) this.#settle(request, waiting, { status: TOO_LATE, body: NONE });
    }
  }

  /** The node stops, and gets no more answers. */
  stop(): void {
    for (const [request, waiting] of this.#waiting)
      this.#settle(request, waiting, { status: AWAY, body: NONE });
  }

  #settle(request: number, waiting: Waiting, answer: CallAnswer): void {
    this.#waiting.delete(request);
    waiting.resolve(answer);
  }

  #run(peer: Peer, request: number, { name, chunks }: Incoming): void {
    if (this.#running >= CALLS_MAX) {
      this.#reply(peer, request, { status: AWAY, body: NONE });
      return;
    }
    this.#running += 1;
    const answer = this.#host.call(name, Buffer.concat(chunks)).catch(() => ({ status: FAILED, body: NONE }));
    void answer.then((given) => {
      this.#running -= 1;
      this.#reply(peer, request, given);
    });
  }

  #reply(peer: Peer, request: number, { status, body }: CallAnswer): void {
    if (!peer.isOpen) return; // the caller has been told already
    if (body.length > CALL_BYTES_MAX) {
      this.#reply(peer, request, { status: TOO_LARGE, body: NONE });
      return;
    }
    for (const { chunk, more } of chunksOf(body))
      reply.write(peer.session, { request, status, more, body: chunk });
  }
}

function answered(status: number): Promise<CallAnswer> {
  return Promise.resolve({ status, body: NONE });
}

/** Counts the pieces too, because even a small piece takes its own memory. */
function isTooLarge({ bytes, chunks }: Pick<Incoming, 'bytes' | 'chunks'>): boolean {
  return bytes > CALL_BYTES_MAX || chunks.length > CALL_PIECES_MAX;
}

function* chunksOf(body: Uint8Array): Generator<{ readonly chunk: Uint8Array; readonly more: boolean }> {
  let at = 0;
  do {
    const chunk = body.subarray(at, at + PART_BYTES);
    at += chunk.length;
    yield { chunk, more: at < body.length };
  } while (at < body.length);
}
