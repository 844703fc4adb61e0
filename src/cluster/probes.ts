/**
 * Pings that decide between two connections with one id: the owner makes the edge send one, and the peer's last_seen
 * shows whether it was answered. Cluster thread only.
 */
import type { Clock } from '../clock.ts';
import type { PresenceReader } from '../presence/reader.ts';
import { CONTEST_MS } from './limits.ts';
import { HomeKind } from './records.ts';

export interface ProbesDeps {
  readonly clock: Clock;
  readonly presence: Pick<PresenceReader, 'findDevice' | 'findSubscriber' | 'devices' | 'subscribers'>;
  /** Has a ping sent. */
  readonly send: (kind: HomeKind, id: string) => void;
  /** The connection is alive. Missing answers are not reported: `Contests` has a time-out of its own. */
  readonly answered: (kind: HomeKind, id: string) => void;
}

interface Probe {
  readonly kind: HomeKind;
  readonly id: string;
  readonly atMs: number;
}

/**
 * Delay between noting the time and sending a ping, ms: times are whole ms, and an answer must not come within the same
 * one.
 */
const SEND_DELAY_MS = 2;

export class Probes {
  readonly #deps: ProbesDeps;
  #probes: Probe[] = [];

  constructor(deps: ProbesDeps) {
    this.#deps = deps;
  }

  /** A gateway is not pinged: being connected is enough. */
  ping(kind: HomeKind, id: string): void {
    const { clock, send, answered } = this.#deps;
    if (kind === HomeKind.gateway) {
      answered(kind, id);
      return;
    }
    this.#probes.push({ kind, id, atMs: Math.floor(clock.now()) });
    setTimeout(() => send(kind, id), SEND_DELAY_MS);
  }

  /** Checks for answers; every 50 ms or so. */
  tick(): void {
    const now = this.#deps.clock.now();
    this.#probes = this.#probes.filter((probe) => {
      const isAnswered = this.#lastSeen(probe) > probe.atMs;
      if (isAnswered) this.#deps.answered(probe.kind, probe.id);
      return !isAnswered && now < probe.atMs + CONTEST_MS;
    });
  }

  /** Forgets all pings. */
  reset(): void {
    this.#probes = [];
  }

  /** Hub clock, ms; -1 without a row. */
  #lastSeen({ kind, id }: Probe): number {
    const { presence } = this.#deps;
    const isDevice = kind === HomeKind.device;
    const slot = isDevice ? presence.findDevice(id) : presence.findSubscriber(id);
    const { rows } = isDevice ? presence.devices : presence.subscribers;
    // Stryker disable next-line UnaryOperator: before any ping
    return slot < 0 ? -1 : Number(Atomics.load(rows.lastSeen, slot));
  }
}
