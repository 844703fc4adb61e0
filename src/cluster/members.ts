/**
 * Knows which nodes are in the cluster, by their beats, and whether this node may still act. Pure rules on the
 * monotonic clock; no wall clock matters. Cluster thread only.
 *
 * NATS returns a node's own beats. The last one that returned shows until when the others have certainly heard this
 * node. While none returns, this node itself is cut off, and it calls no other node lost.
 */
import type { Clock } from '../clock.ts';
import { STALL_MS } from '../limits.ts';
import { type Beat, Phase } from './beats.ts';
import { BEATS_PER_TIMEOUT, CONFIRM_RECENT_MS, NODES_MAX } from './limits.ts';

export interface Member {
  readonly node: string;
  readonly boot: number;
  /** The newest one. */
  readonly beat: Beat;
  /** Monotonic ms. */
  readonly heardAtMs: number;
  /** Round trip to the node, ms; undefined before the first measurement. */
  rttMs: number | undefined;
}

export const Gone = { lost: 'lost', bye: 'bye', replaced: 'replaced' } as const;
export type Gone = (typeof Gone)[keyof typeof Gone];

export interface MembersOptions {
  readonly clock: Clock;
  readonly node: string;
  readonly boot: number;
  /** DAT_CLUSTER_NODE_TIMEOUT_MS. */
  readonly timeoutMs: number;
  readonly appeared: (member: Member) => void;
  /** Every beat but the first. */
  readonly beaten: (member: Member) => void;
  readonly gone: (member: Member, why: Gone) => void;
  /** Another process sends beats with this node's id. */
  readonly duplicate: (beat: Beat) => void;
}

/** A node judges others as long as it has heard its own beat within this many beat intervals. */
const HEARS_BEATS = 2.5;
/** Own beats whose sending times are remembered. */
const SENT_MAX = 64;
/** A node that has not beaten for this many intervals may have been started again. */
const SILENT_BEATS = 2;
/** Boots that have ended and must not come back with a late beat. */
const RETIRED_MAX = 1024;

export class Members {
  readonly beatEveryMs: number;
  readonly #options: MembersOptions;
  readonly #members = new Map<string, Member>();
  /** When each node that did not say goodbye was last heard, including lost ones. */
  readonly #seen = new Map<string, number>();
  /** When each boot ended. */
  readonly #retired = new Map<number, number>();
  readonly #sentAtMs = new Map<number, number>();
  #beats = 0;
  /** When the newest returned beat was sent. */
  #echoSentAtMs = Number.NEGATIVE_INFINITY;
  /** Silence before this time does not count against any node. */
  #judgesFromMs = Number.POSITIVE_INFINITY;
  #tickedAtMs: number;
  /** From sending to hearing a beat of its own, ms. */
  echoMs: number | undefined;

  constructor(options: MembersOptions) {
    this.#options = options;
    this.beatEveryMs = options.timeoutMs / BEATS_PER_TIMEOUT;
    this.#tickedAtMs = options.clock.now();
  }

  /** Nodes that are alive, not including this one. */
  get all(): Iterable<Member> {
    return this.#members.values();
  }

  get count(): number {
    return this.#members.size;
  }

  get(node: string): Member | undefined {
    return this.#members.get(node);
  }

  /** Records that a beat is sent now. @returns its number */
  beating(): number {
    const number = ++this.#beats;
    this.#sentAtMs.set(number, this.#options.clock.now());
    if (this.#sentAtMs.size > SENT_MAX) this.#sentAtMs.delete(number - SENT_MAX);
    return number;
  }

  /** Whether no other node can have called this one lost: a beat sent within the time-out has come back. */
  isFresh(): boolean {
    return this.#options.clock.now() - this.#echoSentAtMs <= this.#options.timeoutMs;
  }

  hear(beat: Beat): void {
    const { node, boot, duplicate } = this.#options;
    if (beat.boot === boot) this.#hearOwn(beat);
    else if (beat.node === node) duplicate(beat);
    else if (!this.#isOver(beat)) this.#hearOther(beat);
  }

  /** Calls nodes lost that were not heard for the time-out. */
  tick(): void {
    const { clock, timeoutMs, gone } = this.#options;
    const now = clock.now();
    if (now - this.#tickedAtMs > STALL_MS) this.#judgesFromMs = Math.max(now, this.#judgesFromMs);
    this.#tickedAtMs = now;
    for (const [node, heardAtMs] of this.#seen) {
      if (now - heardAtMs > CONFIRM_RECENT_MS) this.#seen.delete(node);
    }
    if (now - this.#echoSentAtMs > HEARS_BEATS * this.beatEveryMs) {
      this.#judgesFromMs = Number.POSITIVE_INFINITY;
      return;
    }
    this.#judgesFromMs = Math.min(now, this.#judgesFromMs);
    for (const member of this.#members.values()) {
      if (now - Math.max(member.heardAtMs, this.#judgesFromMs) <= timeoutMs) continue;
      this.#members.delete(member.node);
      gone(member, Gone.lost);
    }
  }

  /** Nodes other than this that beat in the last minute and did not say goodbye, alive or not. */
  recent(): string[] {
    const now = this.#options.clock.now();
    return [...this.#seen].filter(([, at]) => now - at <= CONFIRM_RECENT_MS).map(([node]) => node);
  }

  #hearOwn(beat: Beat): void {
    const sentAtMs = this.#sentAtMs.get(beat.number);
    if (sentAtMs === undefined || sentAtMs < this.#echoSentAtMs) return;
    this.#echoSentAtMs = sentAtMs;
    this.echoMs = this.#options.clock.now() - sentAtMs;
  }

  #hearOther(beat: Beat): void {
    const { clock, appeared, beaten, gone } = this.#options;
    const now = clock.now();
    const before = this.#members.get(beat.node);
    if (before === undefined && (beat.bye || this.#members.size >= NODES_MAX || this.#isTaken(beat))) return;
    if (before !== undefined && before.boot !== beat.boot) {
      // While it joins, or after it stood still, it may still find out that its id is in use: it counts when the other
      // boot is silent, or it goes on.
      const isUnsure = beat.phase === Phase.joining || beat.phase === Phase.fenced;
      if (beat.bye || (isUnsure && !this.#isSilent(before)) || this.#isTaken(beat)) return;
      this.#retire(before.boot);
      this.#members.delete(beat.node);
      gone(before, Gone.replaced);
      this.#hearOther(beat);
      return;
    }
    if (before !== undefined && beat.number <= before.beat.number) return; // late, or repeated
    const member = {
      ...before,
      node: beat.node,
      boot: beat.boot,
      beat,
      heardAtMs: now,
      rttMs: before?.rttMs,
    };
    if (beat.bye) {
      this.#seen.delete(beat.node);
      this.#retire(beat.boot);
      this.#members.delete(beat.node);
      gone(member, Gone.bye);
      return;
    }
    this.#seen.set(beat.node, now);
    this.#members.set(beat.node, member);
    if (before === undefined) appeared(member);
    else beaten(member);
  }

  /**
   * Whether the boot has ended, and this beat is a late one. What ended it may itself have been late, or said by somebody
   * else: a node that goes on is heard again, unless another boot beats in its place.
   */
  #isOver({ node, boot }: Beat): boolean {
    const endedAtMs = this.#retired.get(boot);
    if (endedAtMs === undefined) return false;
    const { clock, timeoutMs } = this.#options;
    const other = this.#members.get(node);
    const isReplaced = other !== undefined && !this.#isSilent(other);
    if (isReplaced || clock.now() - endedAtMs <= timeoutMs) return true;
    this.#retired.delete(boot);
    return false;
  }

  #isSilent({ heardAtMs }: Member): boolean {
    return this.#options.clock.now() - heardAtMs > SILENT_BEATS * this.beatEveryMs;
  }

  /** Whether another node has the boot: its messages are known by it. Rarely asked. */
  #isTaken({ node, boot }: Beat): boolean {
    for (const other of this.#members.values()) if (other.boot === boot && other.node !== node) return true;
    return false;
  }

  #retire(boot: number): void {
    this.#retired.delete(boot);
    this.#retired.set(boot, this.#options.clock.now());
    if (this.#retired.size > RETIRED_MAX) this.#retired.delete(this.#retired.keys().next().value!);
  }
}
