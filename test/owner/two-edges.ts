/**
 * An owner with two edges on its own rings, without threads: the test writes what the edges would and reads what they
 * would get. The clock stands still. No assertions.
 */

import { claimEventRecord } from '../../fixtures/event-records.ts';
import { ownerSettings } from '../../fixtures/owner-settings.ts';
import { createHistory } from '../../src/history/memory.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createHeartbeat, Pulse } from '../../src/memory/heartbeat.ts';
import {
  createRing,
  RingConsumer,
  RingProducer,
  ringBytesFor,
  ringUsedRatio,
} from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { Owner } from '../../src/owner/owner.ts';
import { NONE } from '../../src/presence/columns.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import {
  FromOwnerRecord,
  readAck,
  readClosed,
  readJoined,
  readLeft,
  readRelease,
} from '../../src/records/replies.ts';
import { SessionKind, writeJoin, writeLeave, writeSynced } from '../../src/records/requests.ts';
import { createSessionNumbers, sessionNumbers } from '../../src/records/sessions.ts';
import { createTickets, Tickets } from '../../src/records/tickets.ts';
import { Priority } from '../../src/wire/events.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** What an edge got. Hub events are told by their state, events of devices by their payload. */
export type Told =
  | { readonly kind: 'joined' | 'release' | 'left'; readonly session: number }
  | { readonly kind: 'closed'; readonly session: number; readonly code: number }
  | { readonly kind: 'ack'; readonly session: number; readonly seq: number }
  | { readonly kind: 'resync' };

const RING_BYTES = ringBytesFor(8 * 1024 * 1024);
const POLL_RECORDS = 100_000;

export class TwoEdges {
  readonly clock = new FakeClock();
  readonly counters = new Counters(createCounters());
  readonly #presence = createPresence({ devices: 100, subscribers: 100, subscriptions: 100 });
  readonly reader = new PresenceReader(this.#presence);
  readonly #history = createHistory(1024 * 1024);
  readonly #memory = [0, 1].map(() => ({
    toOwner: createRing(RING_BYTES),
    fromOwner: createRing(RING_BYTES),
  }));
  readonly #toOwner = this.#memory.map(({ toOwner }) => new RingProducer(toOwner));
  readonly #fromOwner = this.#memory.map(({ fromOwner }) => new RingConsumer(fromOwner));
  readonly #next = [0, 1].map((edge) => sessionNumbers(createSessionNumbers(), edge, () => false));
  /** By edge, of the owner that asked last. */
  #terms: number[] = [0, 0];
  readonly #tickets = new Tickets(createTickets());
  /** By session, as its edge keeps it. */
  readonly #ticketOf = new Map<number, number>();
  owner = this.#newOwner(false);

  /** The owner has died, and another takes its place. */
  replaceOwner(): void {
    this.#terms = this.#memory.map(({ fromOwner }) => new RingProducer(fromOwner).written);
    this.owner = this.#newOwner(true);
  }

  /** The owner takes so many records of the edge's and gives none of them back. */
  dieOver(edge: number, records: number): void {
    this.commit();
    const ring = new RingConsumer(this.#memory[edge]!.toOwner);
    for (let n = 0; n < records; n++) ring.next();
  }

  /** Writes a join, and lets nobody read it. @returns the session */
  connect(edge: number, id: string, role: 'device' | 'gateway' | 'subscriber' = 'device'): number {
    const session = this.opens(edge);
    this.rejoin(edge, session, id, false, role);
    return session;
  }

  /** A connection opens, and its join is still to be written. @returns its session */
  opens(edge: number): number {
    const session = this.#next[edge]!();
    this.#ticketOf.set(session, this.#tickets.next());
    return session;
  }

  /** An edge names a session that it holds. @param again whether it was welcomed */
  rejoin(
    edge: number,
    session: number,
    id: string,
    again: boolean,
    role: 'device' | 'gateway' | 'subscriber' = 'device',
  ): void {
    const actor = { role, id, devices: undefined, vip: false };
    const rest = {
      connectedAt: 1,
      again,
      hold: false,
      interest: false,
      gateway: '',
      ticket: this.#ticketOf.get(session)!,
    };
    writeJoin(this.#toOwner[edge]!, { session, kind: SessionKind[role], actor, ...rest });
  }

  /** Writes an event of a session whose slot its edge does not know. @param ack raw JSON of its id */
  event(edge: number, session: number, ack: string, payloadBytes = 0): void {
    const payload = new Uint8Array(payloadBytes);
    const rest = { priority: Priority.high, flags: 0 };
    claimEventRecord(this.#toOwner[edge]!, { device: NONE, session, payload, ack, ...rest });
  }

  leave(edge: number, session: number, clean = false, confirm = false): void {
    writeLeave(this.#toOwner[edge]!, { session, clean, confirm });
  }

  synced(edge: number): void {
    writeSynced(this.#toOwner[edge]!, { term: this.#terms[edge]! });
  }

  /** What was written is there to be read. */
  commit(): void {
    for (const ring of this.#toOwner) ring.commit();
  }

  poll(): void {
    this.commit();
    this.owner.poll(POLL_RECORDS);
  }

  /** What the edge was told since the last call. */
  told(edge: number): Told[] {
    const ring = this.#fromOwner[edge]!;
    const all: Told[] = [];
    for (let offset = ring.next(); offset >= 0; offset = ring.next()) {
      const { views, kind } = ring;
      if (kind === FromOwnerRecord.Joined)
        all.push({ kind: 'joined', session: readJoined(views, offset).session });
      else if (kind === FromOwnerRecord.Release) all.push({ kind: 'release', ...readRelease(views, offset) });
      else if (kind === FromOwnerRecord.Closed) all.push({ kind: 'closed', ...readClosed(views, offset) });
      else if (kind === FromOwnerRecord.Left) all.push({ kind: 'left', ...readLeft(views, offset) });
      else if (kind === FromOwnerRecord.Resync) all.push({ kind: 'resync' });
      else if (kind === FromOwnerRecord.Ack) {
        const { session, seq } = readAck(views, offset);
        all.push({ kind: 'ack', session, seq });
      }
    }
    ring.release();
    return all;
  }

  device(id: string) {
    return this.reader.device(this.reader.findDevice(id));
  }

  /** Whether the owner has given back all that the edge wrote. */
  isRead(edge: number): boolean {
    return ringUsedRatio(this.#memory[edge]!.toOwner) === 0;
  }

  get refused(): number {
    return this.counters.cells[Counter.droppedIngestFull]!;
  }

  #newOwner(takesOver: boolean): Owner {
    return new Owner({
      presence: this.#presence,
      history: this.#history,
      rings: this.#memory.map(({ toOwner }) => new RingConsumer(toOwner)),
      links: this.#memory.map(
        ({ fromOwner }) => new EdgeLink(new RingProducer(fromOwner), new Ringer(createDoorbell())),
      ),
      pulses: [0, 1].map(() => new Pulse(createHeartbeat())),
      clock: this.clock,
      counters: this.counters,
      settings: ownerSettings,
      rules: [],
      takesOver,
    });
  }
}
