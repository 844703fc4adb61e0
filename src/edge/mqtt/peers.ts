/** The MQTT connections of one edge. */
import type { Admission } from '../../access/admission.ts';
import { type CloseEntry, closes } from '../../codes.ts';
import { LOOK_MS } from '../../limits.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import type { PresenceReader } from '../../presence/reader.ts';
import { NO_WILL } from '../../records/requests.ts';
import type { JoinRequest, KeptSession, MqttHost, PublishedWill } from '../../wire/mqtt/host.ts';
import { decodeKeptSession, encodeKeptSession, unsettled } from '../../wire/mqtt/kept.ts';
import type { MqttContext } from '../../wire/mqtt/session.ts';
import type { TopicLayout } from '../../wire/mqtt/topics.ts';
import type { Edge } from '../edge.ts';
import type { Journal } from '../journal.ts';
import type { OwnerLine } from '../owner-line.ts';
import { MqttPeer } from './peer.ts';
import { Restorer } from './restoring.ts';

export interface MqttPeersDeps {
  readonly edge: Edge;
  readonly admission: Admission;
  readonly presence: PresenceReader;
  readonly line: OwnerLine;
  readonly counters: Counters;
  readonly journal: Journal;
  readonly layout: TopicLayout;
}

/**
 * Clients checked in one turn: a millisecond. If there are more, they take turns, and each learns later that somebody
 * listens.
 */
export const INTEREST_LOOKS_MAX = 2048;

export class MqttPeers {
  readonly tickMs = 1000;
  readonly context: MqttContext;
  readonly restorer: Restorer;
  /** Looks at those who want to know whether anybody listens to them, and are no devices yet. */
  readonly interestWatch = {
    tickMs: LOOK_MS,
    tick: (): void => this.#lookAtInterest(),
  };
  readonly #deps: MqttPeersDeps;
  /** From their connection on until they have left the hub. */
  readonly #all = new Set<MqttPeer>();
  /** By their number: those that have asked for their id. */
  readonly #byNumber = new Map<number, MqttPeer>();
  readonly #watching = new Set<MqttPeer>();
  #connectionCount = 0;

  constructor(deps: MqttPeersDeps) {
    this.#deps = deps;
    this.restorer = new Restorer(deps);
    const { settings, clock } = deps.edge;
    this.context = {
      layout: deps.layout,
      clock,
      settings: {
        get packetBytesMax() {
          return settings.maxMessageBytes;
        },
        get keptMsMax() {
          return settings.subscriberRemoveAfterMs;
        },
        get keepAliveSecondsMax() {
          return Math.ceil(settings.mqttKeepAliveMaxMs / 1000);
        },
      },
    };
  }

  /** Connections that are open, those that are closing among them. */
  get connectionCount(): number {
    return this.#connectionCount;
  }

  get all(): ReadonlySet<MqttPeer> {
    return this.#all;
  }

  has(number: number): boolean {
    return this.#byNumber.has(number);
  }

  /** A connection that was let in by its address. */
  make(listener: MqttHost['listener'], address: number): MqttPeer {
    return new MqttPeer(listener, address, this, this.#deps);
  }

  opened(peer: MqttPeer): void {
    this.#all.add(peer);
    this.#connectionCount += 1;
    this.#deps.admission.opened(peer.address);
    this.#deps.counters.add(Counter.mqttConnections);
  }

  /** The connection is over. */
  closed(peer: MqttPeer): void {
    this.#connectionCount -= 1;
    this.#deps.admission.closed(peer.address);
    this.#deps.counters.add(Counter.mqttConnections, -1);
  }

  /** The peer asks the owner for its id. @returns its place in the order of all peers */
  register(peer: MqttPeer, { id, cleanStart: clean }: JoinRequest): number {
    this.#byNumber.set(peer.number, peer);
    return this.#deps.line.register({ session: peer.number, id, clean, again: false });
  }

  /** The peer has left the hub. */
  remove(peer: MqttPeer): void {
    this.#all.delete(peer);
    this.#byNumber.delete(peer.number);
    this.#watching.delete(peer);
  }

  /** Whose turn it is comes first. */
  #lookAtInterest(): void {
    const isAll = this.#watching.size <= INTEREST_LOOKS_MAX;
    let left = INTEREST_LOOKS_MAX;
    for (const peer of this.#watching) {
      if (left === 0) return;
      left -= 1;
      if (!isAll) {
        this.#watching.delete(peer);
        this.#watching.add(peer);
      }
      peer.lookAtInterest();
    }
  }

  watchInterest(peer: MqttPeer, wanted: boolean): void {
    if (wanted) this.#watching.add(peer);
    else this.#watching.delete(peer);
  }

  // The owner

  /** @param kept what the client's session kept; undefined: there was none */
  registered(number: number, id: string, kept: string | undefined): void {
    const peer = this.#byNumber.get(number);
    if (peer !== undefined) {
      peer.registered(kept);
      return;
    }
    // It has gone meanwhile: what it got goes back.
    const session = kept === undefined ? undefined : unsettled(decodeKeptSession(kept));
    this.deregister(number, id, session === undefined ? 0 : this.context.settings.keptMsMax, session);
  }

  /** A client that has its id leaves. @param kept what its session keeps for `keepMs` */
  deregister(session: number, id: string, keepMs: number, kept: KeptSession | undefined): void {
    this.#deps.line.deregister({
      session,
      id,
      keepMs,
      kept: kept === undefined ? '' : encodeKeptSession(kept),
    });
  }

  /** The owner closes a client, in whatever role. */
  close(number: number, close: CloseEntry): void {
    this.#byNumber.get(number)?.close(close);
  }

  /** @param will undefined: it is withdrawn */
  sayWill(session: number, will: PublishedWill | undefined): void {
    if (will === undefined) {
      this.#deps.line.will({ session, ...NO_WILL });
      return;
    }
    const { type, payloadIsJson, delayMs = Number.POSITIVE_INFINITY, status, payload } = will;
    this.#deps.line.will({ session, type, payloadIsJson, delayMs, status, payload });
  }

  /** A new owner asks for this edge's clients; their sessions have been reported. */
  resync(): void {
    for (const peer of this.#byNumber.values()) peer.resync();
  }

  resynced(): void {
    for (const peer of this.#byNumber.values()) peer.resynced();
  }

  // Time

  tick(): void {
    const now = this.#deps.edge.clock.now();
    for (const peer of this.#all) peer.tick(now);
  }

  /** This thread did not run for so long. */
  credit(ms: number): void {
    for (const { session } of this.#all) session.credit(ms);
  }

  /** A bug occurred while this peer's packets were handled: the state of the rest is unknown. */
  failed(peer: MqttPeer): void {
    peer.close(closes.overCapacity);
  }
}
