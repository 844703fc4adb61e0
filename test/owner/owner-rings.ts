/**
 * An owner with two edges whose rings the test writes, over links that note what they are told. The clock stands still
 * unless the test moves it. No assertions.
 */

import { claimEventRecord } from '../../fixtures/event-records.ts';
import { splitNames } from '../../src/access/pattern.ts';
import { createHistory } from '../../src/history/memory.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import { createHeartbeat, Pulse } from '../../src/memory/heartbeat.ts';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../src/memory/ring.ts';
import type { Cluster } from '../../src/owner/cluster/cluster.ts';
import type { EdgeLink } from '../../src/owner/edge-link.ts';
import { Owner } from '../../src/owner/owner.ts';
import { Registry } from '../../src/owner/registry.ts';
import { NONE } from '../../src/presence/columns.ts';
import { createPresence, type PresenceMemory } from '../../src/presence/memory.ts';
import { applyToEstate, createEstate, type Estate } from '../../src/records/estate.ts';
import { type Join, type Request, SessionKind, writeJoin, writeRequest } from '../../src/records/requests.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { NotedLink } from './noted-link.ts';
import { EDGES, TIMES } from './owner-parts.ts';

/** Its link has the place of the second edge. */
const CLUSTER = { edge: 1, historyTtlMs: 0, maxMessageBytes: 1024 } as const;
export const CLUSTER_MS = 250;

const RING_BYTES = ringBytesFor(256 * 1024);

/** Notes, too, when what was written is made visible and when its edge is woken. */
class WokenLink extends NotedLink {
  hasBacklog = false;
  isNoting = false;
  /** As of an owner whose records are the first in the ring. */
  readonly term = 0;
  readonly #said: string[];

  constructor(registry: Registry, lines: string[]) {
    super(registry, lines);
    this.#said = lines;
  }

  forgetDevice(): void {}

  commit(): void {
    if (this.isNoting) this.#said.push('commit');
  }

  ring(): void {
    if (this.isNoting) this.#said.push('ring');
  }
}

export interface RingsOptions {
  readonly devices?: number;
  readonly subscriptions?: number;
  readonly sendQueueMaxBytes?: number;
  readonly hasCluster?: boolean;
  /** The one that died, whose table this one takes over. */
  readonly after?: OwnerRings;
}

export class OwnerRings {
  readonly clock: FakeClock;
  readonly presence: PresenceMemory;
  /** What main keeps for the next owner. */
  readonly estate: Estate;
  readonly counters = new Counters(createCounters());
  readonly lines: string[] = [];
  readonly links: readonly WokenLink[];
  readonly rings: readonly RingProducer[];
  readonly owner: Owner;
  #sessions = 0;
  #requests = 0;
  #tickets = 0;

  constructor(options: RingsOptions = {}) {
    const { devices = 10, subscriptions = 100, sendQueueMaxBytes = 1024 * 1024, after } = options;
    const presence = after?.presence ?? createPresence({ devices, subscribers: 20, subscriptions });
    this.presence = presence;
    this.estate = after?.estate ?? createEstate();
    this.clock = after?.clock ?? new FakeClock();
    this.#sessions = after === undefined ? 0 : after.#sessions;
    const reader = new Registry(presence, EDGES);
    this.links = Array.from({ length: EDGES }, () => new WokenLink(reader, this.lines));
    const memory = this.links.map(() => createRing(RING_BYTES));
    this.rings = memory.map((ring) => new RingProducer(ring));
    this.owner = new Owner({
      presence,
      history: createHistory(0),
      rings: memory.map((ring) => new RingConsumer(ring)),
      links: this.links as unknown as EdgeLink[],
      pulses: this.links.map(() => new Pulse(createHeartbeat())),
      clock: this.clock,
      counters: this.counters,
      settings: {
        ...TIMES,
        defaultAccess: 'allow',
        maxSubscriptionsPerSubscriber: 100,
        maxFiltersPerSubscriber: 10,
        sendQueueMaxBytes,
        historyEvents: 100,
      },
      rules: [],
      takesOver: after !== undefined,
      ...(after && { estate: this.estate }),
      bequeath: (changes) => applyToEstate(this.estate, changes),
      cluster: options.hasCluster ? { ...CLUSTER, create: () => this.#cluster() } : undefined,
    });
  }

  /** Notes what it is told. */
  #cluster(): Cluster {
    const note = (line: string): void => void this.lines.push(line);
    return {
      deviceMade: (slot: number) => note(`made ${slot}`),
      deviceFreed: (slot: number) => note(`freed ${slot}`),
      take: ({ kind }: RingConsumer) => note(`take ${kind}`),
      flush: () => note('flush'),
      leaveAll: () => note('leave all'),
      untilNextMs: () => CLUSTER_MS,
    } as unknown as Cluster;
  }

  /** Writes that a peer has connected, or is still there. @returns its session */
  join(kind: keyof typeof SessionKind, id: string, edge = 0, more: Partial<Join> = {}): number {
    const session = more.session ?? ++this.#sessions * 64 + edge;
    writeJoin(this.rings[edge]!, {
      session,
      kind: SessionKind[kind],
      actor: { role: kind, id, devices: undefined, vip: false },
      again: false,
      hold: false,
      interest: false,
      gateway: '',
      connectedAt: 1,
      ticket: ++this.#tickets,
      ...more,
    });
    return session;
  }

  /** Writes what a subscriber asks for. @param names ids and filters; absent: all */
  ask(session: number, op: Request['op'], names?: readonly string[]): void {
    const { devices, filters } =
      names === undefined ? { devices: undefined, filters: [] } : splitNames(names);
    const request = ++this.#requests;
    writeRequest(this.rings[session & 63]!, { session, request, op, devices, filters, types: ALL_TYPES });
  }

  /** Writes that a device says something. */
  say(session: number, payload: string): void {
    claimEventRecord(this.rings[session & 63]!, { device: NONE, session, payload, flags: 0 });
  }

  /** What was written is there, and the owner works it off. @returns what it says it did */
  poll(limit = 1000): number {
    for (const ring of this.rings) ring.commit();
    return this.owner.poll(limit);
  }

  /** Time goes by, ten milliseconds at a time. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10);
      this.owner.poll(1000);
    }
  }

  told(): string[] {
    return this.lines.splice(0);
  }

  count(counter: keyof typeof Counter): number {
    return this.counters.cells[Counter[counter]]!;
  }

  state(device: string): string {
    const { registry } = this.owner;
    const slot = registry.deviceOf(device);
    return slot < 0
      ? 'free'
      : ['free', 'online', 'stale', 'offline'][registry.devices.rows.deviceState[slot]!]!;
  }
}
