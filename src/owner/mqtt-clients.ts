/**
 * Who holds which MQTT client id, and what the sessions of clients that are away keep. Clients of one id replace each
 * other, whatever they are in the hub, on whichever edges: the newer one has the id once the older one has left, and gets
 * what it kept. What a session keeps is its edge's to read. Owner thread only; what is kept does not survive its owner.
 */
import type { Clock } from '../clock.ts';
import { closes } from '../codes.ts';
import { MQTT_KEPT_BYTES_MAX } from '../limits.ts';
import type { Deregister, Register } from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';
import type { EdgeLink } from './edge-link.ts';

export interface MqttClientsDeps {
  /** By edge. */
  readonly links: readonly EdgeLink[];
  readonly clock: Clock;
  /** Subscriptions that the id's subscriber left behind go. */
  readonly drop: (subscriber: string) => void;
}

interface Client {
  readonly session: number;
  /** Waits until the one before it has left. */
  next: Register | undefined;
}

interface Kept {
  readonly text: string;
  readonly untilMs: number;
}

/** Time between two looks for what is kept no longer, ms. */
const SWEEP_MS = 1000;
/** About what an entry takes beside its text. */
const ENTRY_BYTES = 200;

export class MqttClients {
  readonly #deps: MqttClientsDeps;
  readonly #clients = new Map<string, Client>();
  /** By session. */
  readonly #ids = new Map<number, string>();
  /** By client id, those kept longest first. */
  readonly #kept = new Map<string, Kept>();
  #keptBytes = 0;
  #sweepAtMs = 0;

  constructor(deps: MqttClientsDeps) {
    this.#deps = deps;
  }

  /** Sessions that are kept. */
  get keptCount(): number {
    return this.#kept.size;
  }

  /** A client takes its id. */
  register(register: Register): void {
    const { session, id, again } = register;
    const client = this.#clients.get(id);
    if (client === undefined) {
      if (again) this.#enter(register);
      else this.#admit(register);
      return;
    }
    if (client.session === session || client.next?.session === session) return;
    if (again) {
      this.#close(session); // the owner before this one had replaced it
      return;
    }
    if (client.next !== undefined) this.#close(client.next.session);
    else this.#close(client.session);
    client.next = register;
  }

  /** A client has left. */
  deregister({ session, keepMs, kept }: Deregister): void {
    const id = this.#ids.get(session);
    if (id === undefined) return;
    this.#ids.delete(session);
    const { next } = this.#clients.get(id)!;
    this.#clients.delete(id);
    if (keepMs > 0) this.#keep(id, { text: kept, untilMs: this.#deps.clock.now() + keepMs });
    if (next !== undefined) this.#admit(next);
  }

  /** The edge is gone, and every connection with it. */
  leaveAll(edge: number): void {
    for (const client of this.#clients.values())
      if (client.next !== undefined && edgeOf(client.next.session) === edge) client.next = undefined;
    for (const session of [...this.#ids.keys()])
      if (edgeOf(session) === edge) this.deregister({ session, keepMs: 0, kept: '' });
  }

  /** An operator ends the subscriber: nothing is kept of it. */
  forget(id: string): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    this.#kept.delete(id);
    this.#keptBytes -= bytesOf(kept);
  }

  /** Lets go of what is kept no longer. Often. */
  tick(now: number): void {
    if (this.#kept.size === 0 || now < this.#sweepAtMs) return;
    this.#sweepAtMs = now + SWEEP_MS;
    for (const [id, { untilMs }] of this.#kept) if (untilMs <= now) this.forget(id);
  }

  #admit(register: Register): void {
    const { session, id, clean } = register;
    this.#enter(register);
    const kept = this.#kept.get(id);
    const isThere = kept !== undefined && kept.untilMs > this.#deps.clock.now();
    this.forget(id);
    if (isThere && clean) this.#deps.drop(id);
    this.#link(session).registered(session, isThere && !clean ? kept.text : undefined);
  }

  #enter({ session, id }: Register): void {
    this.#clients.set(id, { session, next: undefined });
    this.#ids.set(session, id);
  }

  #keep(id: string, kept: Kept): void {
    this.forget(id);
    this.#kept.set(id, kept);
    this.#keptBytes += bytesOf(kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= MQTT_KEPT_BYTES_MAX) return;
      this.forget(oldest);
    }
  }

  #close(session: number): void {
    this.#link(session).close(session, closes.replaced);
  }

  #link(session: number): EdgeLink {
    return this.#deps.links[edgeOf(session)]!;
  }
}

function bytesOf({ text }: Kept): number {
  return ENTRY_BYTES + 2 * text.length;
}
