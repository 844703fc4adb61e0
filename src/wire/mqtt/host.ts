/**
 * The hub as one MQTT connection sees it. An edge implements it, one object per connection. Calls and callbacks happen
 * on the edge's thread. Callbacks may run inside the call or later. Each runs exactly once, even if the owner dies or
 * the connection has ended.
 *
 * `error` is a code of `errors`, 0 for none; `code` is a close code of `closes`.
 */
import type { PeerRole } from '../../roles.ts';
import type { Version } from './constants.ts';
import type { ConnectRefusal } from './reasons.ts';
import type { MqttSubscriptions } from './subscriptions.ts';

/** The role in the client's token; undefined without authentication: it may act in any. */
export type TokenRole = PeerRole | undefined;

export interface MqttHost {
  /** The listener that accepted the connection. Without authentication it decides the client's initial role. */
  readonly listener: 'device' | 'subscriber' | 'tcp';

  /** Sends bytes. They are copied or written before this returns. */
  write(bytes: Uint8Array): void;

  /**
   * Closes the connection after pending writes are flushed.
   * @param code of `closes`; 1000 after a client's DISCONNECT
   */
  end(code: number, reason: string): void;

  /** Admission: address limits, drain, overload, token. Called once. */
  admit(request: AdmitRequest, answer: (admission: AdmitAnswer) => void): void;

  /**
   * Registers the client id. An older MQTT connection with the same id is closed with 4004 and hands over its session.
   * Called once, after a positive `admit`. The answer comes when the client is registered in each role that it starts
   * with. A positive answer is always followed by `leave`, even if the connection ended before it.
   */
  join(request: JoinRequest, answer: (joined: Joined) => void): void;

  /** Makes the connection a device. Called once, before its first event. On failure the hub closes the connection. */
  becomeDevice(): void;

  /** Makes the connection a subscriber. Called once, before `subscribe`. On failure the hub closes the connection. */
  becomeSubscriber(): void;

  /** Whether a gateway's token covers the device. */
  coversDevice(device: string): boolean;

  /**
   * Publishes one event. The hub applies rate limits and overload, and skips events that nobody listens to.
   * @param event valid until this returns @param now hub clock, ms: when it came
   * @returns a `PublishOutcome` or an error; after `PublishOutcome.later`, `MqttSession.published` follows if there is a packet id
   */
  publish(event: PublishedEvent, now: number): number;

  /** Whether an event with this packet id is published and not answered yet. */
  isUnanswered(packetId: number): boolean;

  /**
   * Follows devices. The kinds given replace those of an earlier follow of the same name.
   * @param answer called when every matching device is followed, with one error per follow. Retained events and
   *   presence are sent after it returns; live events may be sent before
   */
  subscribe(follows: readonly FollowedName[], answer: (errors: readonly number[]) => void): void;

  /** Ends follows. @param answer called once no more of their events are sent */
  unsubscribe(names: readonly string[], answer: () => void): void;

  /**
   * Every event for this client must pass through `MqttSession.adapt`. Called at most once, before the `subscribe` that
   * needs it.
   * @param done called when all do, which may be later; not if the connection ends before
   */
  deliverOneByOne(done: () => void): void;

  /** Turns interest in the client's own device on or off. While on, `OwnInterest.is` is called now and on each change. */
  watchInterest(wanted: boolean): void;

  /**
   * Charges the peer's rate limit (wire contract, section 7). The hub closes peers that are far over it.
   * @param units 1 per packet, 1/50 per id in it
   * @returns false when the peer is over its rate
   */
  charge(units: number): boolean;

  /** Increments a metric. */
  count(what: MqttCount): void;

  /** The client has left. Called exactly once after a positive `join`. */
  leave(leave: ClientLeave): void;
}

export interface AdmitRequest {
  /** A valid id, or '' to have the hub assign one. */
  readonly clientId: string;
  /** The password, '' when there is none. Never logged. */
  readonly token: string;
}

export type AdmitAnswer =
  | {
      readonly ok: true;
      readonly id: string;
      /** From the token; undefined without authentication. */
      readonly role: TokenRole;
      /** What the token lets it follow; undefined: everything. */
      readonly scope?: Scope | undefined;
    }
  | { readonly ok: false; readonly refusal: ConnectRefusal; readonly message: string };

export interface Scope {
  /** A short text that is the same for the same scope. Dear to tell: asked only where a session is kept. */
  readonly fingerprint: string;
}

export interface JoinRequest {
  readonly id: string;
  readonly version: Version;
  /** The initial role. A client that is neither may become a device or a subscriber later. */
  readonly asDevice: boolean;
  readonly asGateway: boolean;
  /**
   * True: drop any kept session of this id, including subscriptions that wait for a reconnect. False: hand over the
   * kept session and make its subscriptions active again.
   */
  readonly cleanStart: boolean;
  /** Lower bound for every silence limit, ms. Infinity: an open connection never counts as silent. */
  readonly silenceMsMin: number;
  /** Published just before the device goes offline, unless the client said goodbye. */
  readonly will: PublishedWill | undefined;
}

export type Joined =
  | {
      readonly ok: true;
      readonly kept: KeptSession | undefined;
      /** What the topic filters of the kept session stand for; undefined: there is none, or the connection is over. */
      readonly restored?: MqttSubscriptions | undefined;
    }
  | { readonly ok: false; readonly refusal: ConnectRefusal; readonly message: string };

export interface PublishedWill {
  readonly device: string;
  /** An `EventType`. */
  readonly type: number;
  /** 1 to 64 characters for a status, else ''. */
  readonly status: string;
  readonly payload: Uint8Array;
  readonly payloadIsJson: boolean;
  /** The range of what subscribers of other protocols get as `data`; empty: null. */
  readonly dataStart: number;
  readonly dataEnd: number;
  /** Replaces the leave grace if shorter. Undefined: the client gave none. */
  readonly delayMs: number | undefined;
}

/** An event of a device. One object is reused for all events. Ranges are offsets into `bytes`. */
export interface PublishedEvent {
  /** The client's own id, or that of a gateway's device. */
  device: string;
  /** An `EventType`. */
  type: number;
  /** A `Priority`. */
  priority: number;
  bytes: Uint8Array;
  /** The payload as published, which MQTT subscribers get. */
  payloadStart: number;
  payloadEnd: number;
  /** Whether `data` is JSON; otherwise it goes as `data64`. */
  payloadIsJson: boolean;
  /** What subscribers of other protocols get as `data`; empty: null. All of the payload but for a status. */
  dataStart: number;
  dataEnd: number;
  /** 1 to 64 characters for a status, else ''. */
  status: string;
  /** For `published`; 0 when nobody waits for it. */
  packetId: number;
}

/** What became of an event. Positive numbers are errors. */
export const PublishOutcome = {
  /** The hub has it. */
  taken: 0,
  /** It is on its way to the owner. */
  later: -1,
  /** Nobody listens, so the hub has counted it and let it go. */
  skipped: -2,
} as const;

export interface FollowedName {
  /** An id, or a prefix followed by `*`. */
  readonly name: string;
  /** Bits of `Kind`, at least one of message, status, pong and presence. */
  readonly kinds: number;
  /** Of these, the newest kept event of each device is sent with the retain flag; presence: as it is now. */
  readonly retained: number;
}

/** What outlives a connection, until its client is back. Plain data, bounded by the limits of this folder. */
export interface KeptSession {
  readonly subscriptions: readonly KeptSubscription[];
  /** QoS 2 packet ids whose event the hub has and whose PUBREL has not come. */
  readonly packetIds: readonly number[];
  /** Fingerprint of what the token let it follow when all were last followed; '': everything. Or `UNSETTLED`. */
  readonly scope: string;
}

export interface KeptSubscription {
  readonly filter: string;
  /** 0: none. */
  readonly identifier: number;
  readonly noLocal: boolean;
}

export interface ClientLeave {
  /** A client's own DISCONNECT: a device is offline at once, and its will is forgotten. */
  readonly isClean: boolean;
  /** Undefined: nothing is kept, its subscriptions end now. */
  readonly kept: KeptSession | undefined;
  /** For how long at most, ms; the hub's own limit may be shorter. */
  readonly keptMs: number;
}

export type MqttCount =
  /** A packet that MQTT does not allow; its connection ends. */
  | 'malformed'
  /** No CONNECT came in time. */
  | 'silent'
  /** A CONNECT that was refused, but not by admission, which counts for itself. */
  | 'refusedConnect'
  /** A PUBLISH to a topic that is not the client's. */
  | 'foreignTopic'
  /** An event that was refused and whose client could not be told. */
  | 'refusedEvent';
