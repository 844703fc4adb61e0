/**
 * What events of a fleet cost an edge whose subscribers follow all of it in batches: live, and with the newest once per
 * second. Without threads and sockets; everything that a socket would get is encoded here, and its bytes are counted.
 */
import { Deliverer } from '../../src/edge/deliver/deliverer.ts';
import { sendQueueLimits } from '../../src/edge/deliver/send-queues.ts';
import { SubscriberSession } from '../../src/edge/deliver/subscriber-session.ts';
import { attachHistory, createHistory } from '../../src/history/memory.ts';
import { HistoryReader } from '../../src/history/reader.ts';
import { Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { EventField, EventFlag, privateViews, writeEventHead } from '../../src/records/event.ts';
import { ALL_TYPES, EventType, Priority } from '../../src/wire/events.ts';
import { jsonSubscriberCodec } from '../../src/wire/hub-frames.ts';
import { cpuMs } from './cpu-ms.ts';
import { Sink } from './sink.ts';

const DEVICES = 15_000;
const SUBSCRIBERS = 50;
const PAYLOAD = Buffer.from(JSON.stringify({ m: 'x'.repeat(119) }));
/** The owner wakes an edge about so often under load. */
const POLL_MS = 5;
const STEP_MS = 20;
const SECONDS = 5;
const WARMUP_SECONDS = 3;
const KEPT = { eventsMax: 100, ttlMs: 3_600_000 } as const;

class ManualClock {
  ms = 1_000_000;
  now(): number {
    return this.ms;
  }
  wallNow(): number {
    return this.ms;
  }
}

class Bench {
  readonly #clock = new ManualClock();
  readonly #fromOwner: RingConsumer;
  readonly #link: EdgeLink;
  readonly #deliverer: Deliverer;
  readonly #sinks: Sink[] = [];
  readonly #event = privateViews(1024);
  #seq = 0;

  /** @param every ms; 0: live */
  constructor(every: number) {
    const memory = createRing(ringBytesFor(4 * 1024 * 1024));
    this.#fromOwner = new RingConsumer(memory);
    this.#link = new EdgeLink(new RingProducer(memory), new Ringer(createDoorbell()));
    const presence = new PresenceReader(createPresence({ devices: 8, subscribers: 8, subscriptions: 8 }));
    const clock = this.#clock;
    const limits = { sendQueueBytes: 1e9, sendQueueMaxBytes: 1e9, sendQueuesTotalBytes: 0 };
    this.#deliverer = new Deliverer({
      fromOwner: this.#fromOwner,
      clock,
      counters: new Counters(createCounters()),
      limits: sendQueueLimits(limits, 1),
      reader: new HistoryReader(attachHistory(createHistory(0)), presence.devices, KEPT, clock),
      presence,
      charges: { rows() {}, waitMs: () => 0 },
    });
    const terms = { codec: jsonSubscriberCodec, batched: true, every, hold: false, wanted: undefined };
    for (let n = 0; n < SUBSCRIBERS; n++) {
      const actor = { role: 'subscriber', id: `s-${n}`, devices: undefined, vip: false } as const;
      const admitted = { actor, expiresAt: Number.POSITIVE_INFINITY, address: 0, idIsGenerated: false };
      const session = new SubscriberSession(admitted as never, n + 1, 0, terms);
      const sink = new Sink();
      session.attach(sink);
      session.welcome(n, undefined);
      this.#sinks.push(sink);
      this.#deliverer.sessions.set(n + 1, session);
      for (let device = 0; device < DEVICES; device++)
        this.#deliverer.attachDevice(session, {
          device,
          id: `dev-${device}`,
          seq: 0,
          types: ALL_TYPES,
        } as never);
    }
  }

  /** Each device sends once a second. @returns microseconds per event */
  run(seconds: number): number {
    const perPoll = (DEVICES * POLL_MS) / 1000;
    const from = this.#sinks.map(({ frames, bytes }) => ({ frames, bytes }));
    let us = 0;
    for (let second = 0; second < seconds; second++) {
      this.#seq += 1;
      for (let device = 0; device < DEVICES; ) {
        for (let n = 0; n < perPoll && device < DEVICES; n++) this.#write(device++);
        this.#link.flush();
        this.#clock.ms += POLL_MS;
        const before = cpuMs();
        this.#poll();
        if (this.#clock.ms % STEP_MS === 0) this.#deliverer.paces.tick();
        us += (cpuMs() - before) * 1e3;
      }
    }
    const sum = (what: 'frames' | 'bytes'): number =>
      this.#sinks.reduce((all, sink, n) => all + sink[what] - from[n]![what], 0);
    this.framesPerSecond = sum('frames') / seconds;
    this.bytesPerSecond = sum('bytes') / seconds;
    return us / (seconds * DEVICES);
  }

  framesPerSecond = 0;
  bytesPerSecond = 0;

  #poll(): void {
    const deliverer = this.#deliverer;
    do {
      deliverer.begin();
      let done = 0;
      for (let offset = this.#fromOwner.next(); offset >= 0; offset = this.#fromOwner.next()) {
        deliverer.event(this.#fromOwner.views, offset, this.#fromOwner.bytes);
        done += 1;
      }
      deliverer.end(done, true);
    } while (deliverer.hasUnsent);
  }

  #write(device: number): void {
    const body = writeEventHead(this.#event, 0, {
      at: this.#clock.ms,
      received: this.#clock.ms,
      device,
      type: EventType.message,
      priority: Priority.normal,
      flags: EventFlag.payloadIsJson,
      session: 0,
      statusBytes: 0,
      payloadBytes: PAYLOAD.length,
      ackBytes: 0,
    });
    this.#event.u8.set(PAYLOAD, body);
    const bytes = EventField.body + PAYLOAD.length;
    if (!this.#link.event(this.#event, 0, bytes, device, this.#seq)) throw new Error('the ring is full');
  }
}

for (let round = 0; round < 3; round++) {
  for (const [name, every] of [
    ['live', 0],
    ['every=1000', 1000],
  ] as const) {
    const bench = new Bench(every);
    bench.run(WARMUP_SECONDS);
    const us = bench.run(SECONDS);
    const { framesPerSecond, bytesPerSecond } = bench;
    console.log(
      `${name}: ${us.toFixed(2)} µs per event, ${framesPerSecond.toFixed(0)} frames/s and ${(bytesPerSecond / 1e6).toFixed(0)} MB/s to ${SUBSCRIBERS} subscribers`,
    );
  }
}
