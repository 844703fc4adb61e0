/**
 * A filter on a hundred thousand devices, without threads and sockets: what the owner and the edge take for it, and how
 * long the longest stretch of each was, in which nothing else could be done.
 */

import { edgeSettings } from '../../fixtures/edge-settings.ts';
import { openAdmissionDeps } from '../../fixtures/open-admission.ts';
import { Admission } from '../../src/access/admission.ts';
import { systemClock } from '../../src/clock.ts';
import { Allowances, createAllowances } from '../../src/edge/allowances.ts';
import { SubscriberSession } from '../../src/edge/deliver/subscriber-session.ts';
import { Edge } from '../../src/edge/edge.ts';
import { Journal } from '../../src/edge/journal.ts';
import { OwnerLine } from '../../src/edge/owner-line.ts';
import { attachHistory, createHistory } from '../../src/history/memory.ts';
import { HistoryReader } from '../../src/history/reader.ts';
import { Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createHeartbeat, Pulse } from '../../src/memory/heartbeat.ts';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { Owner } from '../../src/owner/owner.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { SessionKind, writeJoin } from '../../src/records/requests.ts';
import { createSessionNumbers, sessionNumbers } from '../../src/records/sessions.ts';
import { createTickets, Tickets } from '../../src/records/tickets.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { jsonSubscriberCodec } from '../../src/wire/hub-frames.ts';
import { TopicLayout } from '../../src/wire/mqtt/topics.ts';
import { NO_PAST } from '../../src/wire/subscriber-ops.ts';
import { ownerSettings } from './owner-settings.ts';
import { Sink } from './sink.ts';

const DEVICES = 100_000;
const BATCH = 500;
const RING_BYTES = ringBytesFor(4 * 1024 * 1024);
const KEPT = { eventsMax: 100, ttlMs: 3_600_000 } as const;

/** Time in stretches. On a busy host the longest are those in which the thread lost its core. */
class Stretches {
  readonly #ms: number[] = [];
  time(work: () => number): number {
    const from = performance.now();
    const done = work();
    const ms = performance.now() - from;
    if (done > 0) this.#ms.push(ms);
    return done;
  }
  toString(): string {
    const sorted = this.#ms.sort((a, b) => b - a);
    const all = sorted.reduce((sum, ms) => sum + ms, 0);
    const longest = sorted.slice(0, 5).map((ms) => ms.toFixed(1));
    return `${((all * 1e3) / DEVICES).toFixed(2)} µs per device, ${sorted.length} stretches, median ${sorted[sorted.length >> 1]?.toFixed(2)} ms, longest ${longest.join(', ')} ms`;
  }
}

const settings = { ...edgeSettings, ...ownerSettings };

function measure(): void {
  const [toOwner, fromOwner] = [createRing(RING_BYTES), createRing(RING_BYTES)];
  const producer = new RingProducer(toOwner);
  const presence = createPresence({ devices: DEVICES + 1000, subscribers: 1000, subscriptions: 1_000_000 });
  const counters = new Counters(createCounters());
  const clock = systemClock;
  const history = createHistory(100 * 2 ** 20);
  const owner = new Owner({
    presence,
    history,
    rings: [new RingConsumer(toOwner)],
    links: [new EdgeLink(new RingProducer(fromOwner), new Ringer(createDoorbell()))],
    pulses: [new Pulse(createHeartbeat())],
    clock,
    counters,
    settings,
    rules: [],
  });
  const reader = new PresenceReader(presence);
  const edge = new Edge({
    admission: new Admission(openAdmissionDeps({ clock, counters })),
    presence: reader,
    reader: new HistoryReader(attachHistory(history), reader.devices, KEPT, clock),
    keepsHistory: true,
    layout: new TopicLayout([]),
    line: new OwnerLine(producer, new Ringer(createDoorbell()), new Tickets(createTickets())),
    fromOwner: new RingConsumer(fromOwner),
    clock,
    counters,
    allowances: new Allowances(createAllowances()),
    deliveringEdges: 1,
    numbers: (isUsed) => sessionNumbers(createSessionNumbers(), 0, isUsed),
    isOwnerAway: () => false,
    journal: new Journal({ clock, settings: { logLevel: 'info' }, say() {} }),
    settings,
  });
  for (let from = 0; from < DEVICES; from += BATCH) {
    for (let n = from; n < from + BATCH; n++) {
      const actor = { role: 'device', id: `crowd-${n}`, devices: undefined, vip: false } as const;
      const more = { again: false, hold: false, interest: false, gateway: '', ticket: n + 1, connectedAt: 1 };
      writeJoin(producer, { session: edge.nextSession(), kind: SessionKind.device, actor, ...more });
    }
    producer.commit();
    while (owner.poll(BATCH) + edge.poll() > 0);
  }
  const actor = { role: 'subscriber', id: 's', devices: undefined, vip: false } as const;
  const admitted = { actor, expiresAt: Number.POSITIVE_INFINITY, address: 0, idIsGenerated: false };
  const session = new SubscriberSession(admitted as never, edge.nextSession(), 0, {
    codec: jsonSubscriberCodec,
    batched: false,
    every: 0,
    hold: false,
    wanted: undefined,
  });
  const sink = new Sink();
  edge.enter(session, sink);
  while (owner.poll(BATCH) + edge.poll() > 0);
  const named = { devices: [], filters: ['*'], malformed: [] };
  edge.request(session, { op: 'subscribe', id: '1', named, types: ALL_TYPES, past: NO_PAST }, clock.now());
  const [ownerTime, edgeTime] = [new Stretches(), new Stretches()];
  while (ownerTime.time(() => owner.poll(4096)) + edgeTime.time(() => edge.poll()) > 0);
  console.log(`owner: ${ownerTime}`);
  console.log(`edge: ${edgeTime}; ${sink.frames} frames, ${(sink.bytes / 1e6).toFixed(1)} MB`);
}

for (let round = 0; round < 3; round++) measure();
