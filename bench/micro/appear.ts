/**
 * What a device that appears costs the owner, without threads and sockets: alone, beside a thousand filters of which
 * none matches, and beside a thousand filters of which one matches. Everything an edge would write is written here.
 */

import { systemClock } from '../../src/clock.ts';
import { createHistory } from '../../src/history/memory.ts';
import { Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createHeartbeat, Pulse } from '../../src/memory/heartbeat.ts';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { Owner } from '../../src/owner/owner.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { SessionKind, writeJoin, writeRequest } from '../../src/records/requests.ts';
import { createSessionNumbers, sessionNumbers } from '../../src/records/sessions.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { median } from '../load/results.ts';
import { cpuMs } from './cpu-ms.ts';
import { ownerSettings } from './owner-settings.ts';

const FILTERS = 1000;
const DEVICES = 20_000;
/** Of the first devices V8 still compiles the code. */
const WARMUP_DEVICES = 20_000;
const BATCH = 500;
const RING_BYTES = ringBytesFor(4 * 1024 * 1024);

class Bench {
  readonly #toOwner: RingProducer;
  readonly #fromOwner: RingConsumer;
  readonly #owner: Owner;
  readonly #presence = createPresence({ devices: 100_000, subscribers: 100_000, subscriptions: 1_000_000 });
  readonly #nextSession = sessionNumbers(createSessionNumbers(), 0, () => false);

  constructor() {
    const [toOwner, fromOwner] = [createRing(RING_BYTES), createRing(RING_BYTES)];
    this.#toOwner = new RingProducer(toOwner);
    this.#fromOwner = new RingConsumer(fromOwner);
    this.#owner = new Owner({
      presence: this.#presence,
      history: createHistory(100 * 2 ** 20),
      rings: [new RingConsumer(toOwner)],
      links: [new EdgeLink(new RingProducer(fromOwner), new Ringer(createDoorbell()))],
      pulses: [new Pulse(createHeartbeat())],
      clock: systemClock,
      counters: new Counters(createCounters()),
      settings: ownerSettings,
      rules: [],
    });
  }

  /** Subscribers with one filter each. */
  follow(filters: readonly string[]): void {
    for (const [n, filter] of filters.entries()) {
      const session = this.#join(SessionKind.subscriber, `subscriber-${n}`);
      const ask = { session, request: 1, op: 'subscribe', devices: [], filters: [filter] } as const;
      writeRequest(this.#toOwner, { ...ask, types: ALL_TYPES });
      this.#work();
    }
  }

  /** @returns microseconds that the owner takes for each device */
  appear(ids: readonly string[]): number {
    let ms = 0;
    for (let from = 0; from < ids.length; from += BATCH) {
      for (const id of ids.slice(from, from + BATCH)) this.#join(SessionKind.device, id);
      ms += this.#work();
    }
    const reader = new PresenceReader(this.#presence);
    if (ids.some((id) => reader.findDevice(id) < 0))
      throw new Error('the owner has not taken every device in');
    return (ms * 1e3) / ids.length;
  }

  #join(kind: SessionKind, id: string): number {
    const session = this.#nextSession();
    const role = kind === SessionKind.device ? 'device' : 'subscriber';
    const actor = { role, id, devices: undefined, vip: false } as const;
    const more = { again: false, hold: false, interest: false, gateway: '', ticket: 0 };
    writeJoin(this.#toOwner, { session, kind, actor, connectedAt: 1, ...more });
    return session;
  }

  /** Has the owner work off all there is, and takes what it says. @returns milliseconds of the owner */
  #work(): number {
    this.#toOwner.commit();
    const from = cpuMs();
    while (this.#owner.poll(BATCH) > 0);
    const ms = cpuMs() - from;
    while (this.#fromOwner.next() >= 0);
    this.#fromOwner.release();
    return ms;
  }
}

const ids = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}-${n % FILTERS}.${n}`);
const filters = Array.from({ length: FILTERS }, (_, n) => `site-${n}.*`);

function measure(prefix: string, follows: readonly string[]): number {
  const bench = new Bench();
  bench.follow(follows);
  bench.appear(ids(prefix, WARMUP_DEVICES).map((id) => `${id}-warm`));
  return bench.appear(ids(prefix, DEVICES));
}

const ROUNDS = 5;
const cases: readonly [string, string, readonly string[]][] = [
  ['no filters', 'other', []],
  [`${FILTERS} filters, none matches`, 'other', filters],
  [`${FILTERS} filters, one matches`, 'site', filters],
];
const figures = cases.map((): number[] => []);
for (let round = 0; round < ROUNDS; round++)
  for (const [n, [, prefix, follows]] of cases.entries()) figures[n]!.push(measure(prefix, follows));
for (const [n, [name]] of cases.entries())
  console.log(`a device appears, ${name}: ${median(figures[n]!).toFixed(2)} µs of the owner`);
