/**
 * How many events a second pass through the owner, without threads and sockets: a producer fills the rings of the edges
 * that devices are on, the owner works them off, and the rings of the edges that deliver are emptied. Only the owner's
 * own CPU time counts. One line for each case: nobody listens or one edge has a listener of each device, history off or on.
 */
import { systemClock } from '../../src/clock.ts';
import { createHistory } from '../../src/history/memory.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createHeartbeat, Pulse } from '../../src/memory/heartbeat.ts';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { Owner } from '../../src/owner/owner.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { claimEvent, EventField, EventFlag, writeEventHead } from '../../src/records/event.ts';
import { SessionKind, writeJoin, writeRequest } from '../../src/records/requests.ts';
import { createSessionNumbers, sessionNumbers } from '../../src/records/sessions.ts';
import { ALL_TYPES, EventType, Priority } from '../../src/wire/events.ts';
import { cpuMs } from './cpu-ms.ts';
import { ownerSettings } from './owner-settings.ts';

/** One subscribe names all of them: at most 1000. */
const DEVICES = 1000;
const PAYLOAD_BYTES = 128;
/** Events of all devices in one look of the owner. */
const BATCH = 4000;
const POLL_RECORDS = 4096;
const WARMUP_EVENTS = 2_000_000;
const EVENTS = 4_000_000;
const RING_BYTES = ringBytesFor(4 * 1024 * 1024);
const HISTORY_BYTES = 32 * 1024 ** 2;

const settings = { ...ownerSettings, deviceStaleAfterMs: 600_000 };

interface Case {
  /** Edges that devices are on; one more holds the subscriber. */
  readonly ingest: number;
  readonly isWatched: boolean;
  readonly keepsHistory: boolean;
}

class Bench {
  readonly #edges: readonly { readonly toOwner: RingProducer; readonly fromOwner: RingConsumer }[];
  readonly #owner: Owner;
  readonly #reader: PresenceReader;
  readonly #counters = new Counters(createCounters());
  readonly #devices: { readonly edge: number; readonly session: number; readonly slot: number }[] = [];
  readonly #isWatched: boolean;
  #next = 0;

  constructor({ ingest, isWatched, keepsHistory }: Case) {
    this.#isWatched = isWatched;
    const memory = Array.from(
      { length: ingest + 1 },
      () => [createRing(RING_BYTES), createRing(RING_BYTES)] as const,
    );
    const presence = createPresence({ devices: 2 * DEVICES, subscribers: 100, subscriptions: 2 * DEVICES });
    this.#owner = new Owner({
      presence,
      history: createHistory(keepsHistory ? HISTORY_BYTES : 0),
      rings: memory.map(([toOwner]) => new RingConsumer(toOwner)),
      links: memory.map(
        ([, fromOwner]) => new EdgeLink(new RingProducer(fromOwner), new Ringer(createDoorbell())),
      ),
      pulses: memory.map(() => new Pulse(createHeartbeat())),
      clock: systemClock,
      counters: this.#counters,
      settings,
      rules: [],
    });
    this.#edges = memory.map(([toOwner, fromOwner]) => ({
      toOwner: new RingProducer(toOwner),
      fromOwner: new RingConsumer(fromOwner),
    }));
    this.#reader = new PresenceReader(presence);
    const numbers = memory.map((_, edge) => sessionNumbers(createSessionNumbers(), edge, () => false));
    for (let n = 0; n < DEVICES; n++) {
      const edge = n % ingest;
      const session = numbers[edge]!();
      this.#join(edge, session, SessionKind.device, `dev-${n}`);
      this.#devices.push({ edge, session, slot: this.#reader.findDevice(`dev-${n}`) });
    }
    if (isWatched) this.#follow(ingest, numbers[ingest]!());
  }

  /** @returns milliseconds of the owner */
  run(events: number): number {
    let ms = 0;
    for (let done = 0; done < events; done += BATCH) {
      for (let n = 0; n < BATCH; n++) this.#event();
      ms += this.#work();
    }
    return ms;
  }

  /** Events that the owner has taken from their devices: numbered where somebody listens, else skipped. */
  get taken(): number {
    if (!this.#isWatched) return this.#counters.cells[Counter.skipped]!;
    const { seq } = this.#reader.devices.rows;
    return this.#devices.reduce((sum, { slot }) => sum + seq[slot]!, 0);
  }

  /** Events that were refused: there must be none, or the owner has done less than is said. */
  get dropped(): number {
    return this.#counters.cells[Counter.droppedFanoutFull]!;
  }

  #event(): void {
    const { edge, session, slot } = this.#devices[this.#next]!;
    this.#next = (this.#next + 1) % DEVICES;
    const ring = this.#edges[edge]!.toOwner;
    const offset = claimEvent(ring, EventField.body + PAYLOAD_BYTES, Priority.normal);
    if (offset < 0) throw new Error('the ring is full: fewer events should be in one batch');
    writeEventHead(ring.views, offset, {
      at: 1,
      received: 1,
      device: slot,
      type: EventType.message,
      priority: Priority.normal,
      flags: EventFlag.payloadIsJson,
      session,
      statusBytes: 0,
      payloadBytes: PAYLOAD_BYTES,
      ackBytes: 0,
    });
  }

  #join(edge: number, session: number, kind: SessionKind, id: string): void {
    const role = kind === SessionKind.device ? 'device' : 'subscriber';
    const actor = { role, id, devices: undefined, vip: false } as const;
    const more = { again: false, hold: false, interest: false, gateway: '', ticket: 0 };
    writeJoin(this.#edges[edge]!.toOwner, { session, kind, actor, connectedAt: 1, ...more });
    this.#work();
  }

  #follow(edge: number, session: number): void {
    this.#join(edge, session, SessionKind.subscriber, 'subscriber');
    const devices = Array.from({ length: DEVICES }, (_, n) => `dev-${n}`);
    const ask = { session, request: 1, op: 'subscribe', devices, filters: [], types: ALL_TYPES } as const;
    writeRequest(this.#edges[edge]!.toOwner, ask);
    this.#work();
  }

  /** Has the owner work off all there is, and takes what it says. @returns milliseconds of the owner */
  #work(): number {
    for (const { toOwner } of this.#edges) toOwner.commit();
    const from = cpuMs();
    while (this.#owner.poll(POLL_RECORDS) > 0);
    const ms = cpuMs() - from;
    for (const { fromOwner } of this.#edges) {
      while (fromOwner.next() >= 0);
      fromOwner.release();
    }
    return ms;
  }
}

console.log(
  `${DEVICES} devices, ${PAYLOAD_BYTES} bytes each event, ${EVENTS.toLocaleString('en')} events a line`,
);
for (const ingest of [1, 4]) {
  for (const isWatched of [false, true]) {
    for (const keepsHistory of [false, true]) {
      const bench = new Bench({ ingest, isWatched, keepsHistory });
      bench.run(WARMUP_EVENTS);
      const before = bench.taken;
      const ms = bench.run(EVENTS);
      const taken = bench.taken - before;
      if (taken !== EVENTS) throw new Error(`the owner has taken ${taken} of ${EVENTS} events`);
      if (bench.dropped > 0)
        throw new Error(`${bench.dropped} events found no room on their way to the subscriber`);
      const name = [
        `${ingest} ${ingest === 1 ? 'ring' : 'rings'}`,
        isWatched ? 'watched' : 'unwatched',
        `history ${keepsHistory ? 'on' : 'off'}`,
      ].join(', ');
      const rate = `${(EVENTS / ms / 1000).toFixed(2)} M/s`;
      console.log(`${name.padEnd(36)} ${rate.padStart(10)}   ${((ms * 1e6) / EVENTS).toFixed(0)} ns/event`);
    }
  }
}
