/**
 * Gateways by id: a newer connection with the same id replaces an older one, whichever edges they are on. Their devices
 * have their own sessions (`devices.ts`), which the gateway's edge ends when the gateway goes. Owner thread only.
 */
import { type CloseEntry, closes } from '../codes.ts';
import { NONE } from '../presence/columns.ts';
import type { Join } from '../records/requests.ts';
import { edgeOf } from '../records/sessions.ts';
import type { EdgeLink } from './edge-link.ts';

/** What a cluster changes for gateways: a newer connection with the id may be on another node. */
export interface GatewayHomes {
  connected(id: string): void;
  /** No connection of the id is left. */
  disconnected(id: string): void;
}

interface Connected {
  readonly session: number;
  /** Of its join. */
  readonly ticket: number;
}

export class Gateways {
  /** By edge. */
  readonly #links: readonly EdgeLink[];
  readonly #byId = new Map<string, Connected>();
  readonly #ids = new Map<number, string>();
  /** undefined: this hub is alone. */
  homes: GatewayHomes | undefined;

  constructor(links: readonly EdgeLink[]) {
    this.#links = links;
  }

  join({ session, actor: { id }, ticket }: Join): void {
    if (this.#enter(id, { session, ticket })) this.#link(session).joined(session, NONE);
  }

  /** Those that are connected. */
  get connectedIds(): Iterable<string> {
    return this.#byId.keys();
  }

  isConnected(id: string): boolean {
    return this.#byId.has(id);
  }

  /** A newer connection with the id is on another node. */
  surrender(id: string, close: CloseEntry): void {
    const connected = this.#byId.get(id);
    if (connected === undefined) return;
    this.#byId.delete(id);
    this.#replace(connected.session, close);
  }

  /** An edge reports, after this owner took over, that it holds the gateway. */
  rejoin(join: Join): void {
    const { session, actor, again, ticket } = join;
    // Two were welcomed where the owner before had replaced the older one, and its edge never heard.
    if (again) this.#enter(actor.id, { session, ticket });
    else this.join(join);
  }

  leave(session: number): void {
    const id = this.#ids.get(session);
    // Stryker disable next-line ConditionalExpression: nothing is known by undefined either
    if (id === undefined) return; // replaced, or no gateway's
    this.#ids.delete(session);
    this.#byId.delete(id);
    this.homes?.disconnected(id);
  }

  /** The edge is gone, and every connection with it. */
  leaveAll(edge: number): void {
    for (const session of [...this.#ids.keys()]) if (edgeOf(session) === edge) this.leave(session);
  }

  /** @returns false for a connection that is here already, or that is not the newest: that is closed */
  #enter(id: string, connected: Connected): boolean {
    const { session, ticket } = connected;
    if (this.#ids.has(session)) return false;
    const other = this.#byId.get(id);
    if (other !== undefined && ticket < other.ticket) {
      this.#link(session).close(session, closes.replaced);
      return false;
    }
    if (other !== undefined) this.#replace(other.session);
    this.#byId.set(id, connected);
    this.#ids.set(connected.session, id);
    this.homes?.connected(id);
    return true;
  }

  #replace(session: number, close: CloseEntry = closes.replaced): void {
    this.#ids.delete(session);
    this.#link(session).close(session, close);
  }

  #link(session: number): EdgeLink {
    return this.#links[edgeOf(session)]!;
  }
}
