/**
 * Knows who holds which MQTT client id, and holds the kept sessions of absent clients. Clients with one id replace each
 * other, whatever their roles and edges: the newer one gets the id once the older one has left, together with its kept
 * session. Only edges interpret the contents of a session. Owner thread only; main keeps a copy for the next owner.
 */
import type { Clock } from '../clock.ts';
import { closes } from '../codes.ts';
import { MQTT_KEPT_BYTES_MAX } from '../limits.ts';
import type { Estate, KeptClient } from '../records/estate.ts';
import type { Deregister, Register } from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';
import type { EdgeLink } from './edge-link.ts';
import type { EstateNotes } from './estate-notes.ts';

export interface MqttClientsDeps {
  /** By edge. */
  readonly links: readonly EdgeLink[];
  readonly clock: Clock;
  /** Removes the subscriptions that the id's subscriber left behind. */
  readonly drop: (subscriber: string) => void;
  readonly notes: EstateNotes;
}

interface Client extends Pick<Register, 'session' | 'ticket'> {
  /** The client that waits until this one has left. */
  next: Register | undefined;
}

/** Time between two searches for expired sessions, ms. */
const SWEEP_MS = 1000;
/** Sessions checked per tick: a fraction of a millisecond. There may be hundreds of thousands. */
export const SWEPT_PER_TICK = 1024;
/** Approximate size of an entry without its text. */
const ENTRY_BYTES = 200;

export class MqttClients {
  readonly #deps: MqttClientsDeps;
  readonly #clients = new Map<string, Client>();
  /** By session. */
  readonly #ids = new Map<number, string>();
  /** By client id, those kept longest first. */
  readonly #kept = new Map<string, KeptClient>();
  #keptBytes = 0;
  #sweepAtMs = 0;
  /** Of the look under way. */
  #sweep: Iterator<[string, KeptClient]> | undefined;
  /** Clients that wait until every edge has reported its clients; undefined: none has to. */
  #newcomers: Register[] | undefined;

  constructor(deps: MqttClientsDeps) {
    this.#deps = deps;
  }

  /** Sessions that are kept. */
  get keptCount(): number {
    return this.#kept.size;
  }

  /** Takes over what another owner left. The edges report who has which id. */
  adopt(kept: Estate['clients']): void {
    this.#newcomers = [];
    for (const [id, one] of kept) this.#hold(id, one);
  }

  /** Every edge has reported its clients. */
  recovered(): void {
    const newcomers = this.#newcomers ?? [];
    this.#newcomers = undefined;
    newcomers.sort((one, other) => one.ticket - other.ticket);
    for (const register of newcomers) this.register(register);
  }

  /** A client takes its id. */
  register(register: Register): void {
    const { session, id, again, ticket } = register;
    if (!again && this.#newcomers !== undefined) {
      this.#newcomers.push(register);
      return;
    }
    const client = this.#clients.get(id);
    if (client === undefined) {
      if (again) this.#reenter(register);
      else this.#admit(register);
      return;
    }
    if (client.session === session || client.next?.session === session) return;
    const last = client.next ?? client;
    if (again || ticket < last.ticket) {
      this.#close(session); // replaced: by the owner before this one, or its edge was heard late
      return;
    }
    this.#close(last.session);
    client.next = register;
  }

  /** A client has left. */
  deregister(deregister: Deregister): void {
    const { session } = deregister;
    const id = this.#ids.get(session);
    if (id === undefined) {
      // It left while there was no owner, or this one has not heard of it.
      if (this.#newcomers !== undefined) this.#leave(deregister);
      return;
    }
    this.#ids.delete(session);
    const { next } = this.#clients.get(id)!;
    this.#clients.delete(id);
    this.#leave({ ...deregister, id });
    if (next !== undefined) this.#admit(next);
  }

  /** The edge is gone, and every connection with it. */
  leaveAll(edge: number): void {
    this.#newcomers = this.#newcomers?.filter(({ session }) => edgeOf(session) !== edge);
    for (const client of this.#clients.values())
      if (client.next !== undefined && edgeOf(client.next.session) === edge) client.next = undefined;
    for (const session of [...this.#ids.keys()])
      if (edgeOf(session) === edge) this.deregister({ session, id: '', keepMs: 0, kept: '' });
  }

  /** An operator ends the subscriber: forgets its session. */
  forget(id: string): void {
    if (this.#release(id) !== undefined) this.#deps.notes.forget(id);
  }

  /** Removes expired sessions, a few at a time. Call it often. */
  tick(now: number): void {
    if (this.#sweep === undefined && (this.#kept.size === 0 || now < this.#sweepAtMs)) return;
    this.#sweep ??= this.#kept.entries();
    for (let looked = 0; looked < SWEPT_PER_TICK; looked++) {
      const { value, done } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
        this.#sweepAtMs = now + SWEEP_MS;
        return;
      }
      const [id, { untilMs }] = value;
      if (untilMs <= now) this.forget(id);
    }
  }

  #admit(register: Register): void {
    const { session, id, clean } = register;
    this.#enter(register);
    const kept = this.#release(id);
    const isThere = kept !== undefined && kept.untilMs > this.#deps.clock.now();
    const link = this.#link(session);
    if (isThere && clean) this.#deps.drop(id);
    link.registered(session, id, isThere && !clean ? kept.text : undefined);
    if (kept !== undefined) this.#deps.notes.give(id, link);
  }

  /** Another owner admitted the client. If it was given its kept session, it has it. */
  #reenter(register: Register): void {
    this.#enter(register);
    this.forget(register.id);
  }

  #enter({ session, id, ticket }: Register): void {
    this.#clients.set(id, { session, ticket, next: undefined });
    this.#ids.set(session, id);
  }

  #leave({ id, keepMs, kept: text }: Deregister): void {
    this.forget(id);
    if (keepMs <= 0) return;
    const kept = { text, untilMs: this.#deps.clock.now() + keepMs };
    this.#deps.notes.keep(id, kept);
    this.#hold(id, kept);
  }

  #hold(id: string, kept: KeptClient): void {
    this.#kept.set(id, kept);
    this.#keptBytes += bytesOf(kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= MQTT_KEPT_BYTES_MAX) return;
      this.forget(oldest);
    }
  }

  /** @returns what was kept; undefined: nothing was */
  #release(id: string): KeptClient | undefined {
    const kept = this.#kept.get(id);
    if (kept === undefined) return undefined;
    this.#kept.delete(id);
    this.#keptBytes -= bytesOf(kept);
    return kept;
  }

  #close(session: number): void {
    this.#link(session).close(session, closes.replaced);
  }

  #link(session: number): EdgeLink {
    return this.#deps.links[edgeOf(session)]!;
  }
}

function bytesOf({ text }: KeptClient): number {
  return ENTRY_BYTES + 2 * text.length;
}
