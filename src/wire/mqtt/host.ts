/**
 * The hub as one MQTT connection sees it. The thread that holds the connection implements it, one object for each; the
 * session calls it and is called back on the same thread. Nothing here waits: what takes time is answered later, or from
 * within the call. Every answer comes exactly once, also when the owner dies or the connection is gone by then.
 *
 * Numbers called `error` are codes of `errors`, 0 is none; numbers called `code` are close codes of `closes`.
 */
import type { ConnectRefusal } from './reasons.ts';

/** What a client may be: by its token, or anything where there is none. */
export type Role = 'device' | 'subscriber' | 'gateway' | undefined;

export interface MqttHost {
  /** What accepted the connection: it decides what a client is when there is no token to say so. */
  readonly listener: 'device' | 'subscriber' | 'tcp';

  /** Sends bytes. They are taken before this returns. */
  write(bytes: Uint8Array): void;

  /**
   * Ends the connection once what was written has gone.
   * @param code of `closes`; 1000 after a client's DISCONNECT
   */
  end(code: number, reason: string): void;

  /** Asks who this is: address limits, drain, overload, token. Called once. */
  admit(request: AdmitRequest, answer: (admission: Admission) => void): void;

  /**
   * Takes the client id: an older MQTT connection of it is closed with 4004 and hands over what it kept. Called once,
   * after `admit` said yes. Answered when the hub knows the client in every role it starts with; `leave` follows a yes,
   * sooner or later, also when the connection was gone before.
   */
  join(request: JoinRequest, answer: (joined: Joined) => void): void;

  /** The connection becomes a device, once; what it publishes follows. Should that fail the hub closes it. */
  becomeDevice(): void;

  /** The connection becomes a subscriber, once; what it subscribes to follows. Should that fail the hub closes it. */
  becomeSubscriber(): void;

  /** Whether a gateway's token covers the device. */
  coversDevice(device: string): boolean;

  /**
   * Takes one event: rate, room, and whether anybody listens are the hub's to look at.
   * @param event valid until this returns
   * @returns an `Outcome` or an error; `Outcome.later` is followed by `MqttSession.published` where there is a packet id
   */
  publish(event: PublishedEvent): number;

  /**
   * Follows devices, each with exactly these kinds from now on.
   * @param answer called when every matching device is followed, with one error for each; retained events and presence
   *   are sent after it returned, live events may be sent before
   */
  subscribe(follows: readonly Follow[], answer: (errors: readonly number[]) => void): void;

  /** Ends follows. @param answer called when nothing more of them is sent */
  unsubscribe(names: readonly string[], answer: () => void): void;

  /**
   * From now on events are not sent to this client as they are: `MqttSession.adapt` makes them fit first. Called before
   * the `subscribe` that needs it, at most once.
   */
  deliverOneByOne(): void;

  /** Whether the client is told if anybody listens to the device of its id: `interestIs` follows, now and on changes. */
  watchInterest(wanted: boolean): void;

  /**
   * Charges the peer for what it asks (wire contract, section 7). The hub closes who is far over.
   * @param units a packet is 1, an id in it 1/50
   * @returns false when it is over its rate
   */
  charge(units: number): boolean;

  /** Counts, for the metrics. */
  count(what: MqttCount): void;

  /** The client is gone for the hub. Called once after `join` was answered with yes. */
  leave(leave: Leave): void;
}

export interface AdmitRequest {
  /** '' when the client leaves it to the hub. Another is an id. */
  readonly clientId: string;
  /** The password, '' when there is none. Never logged. */
  readonly token: string;
}

export type Admission =
  | {
      readonly ok: true;
      readonly id: string;
      /** Of the token; undefined without authentication. */
      readonly role: Role;
    }
  | { readonly ok: false; readonly refusal: ConnectRefusal; readonly message: string };

export interface JoinRequest {
  readonly id: string;
  /** What the client starts as; the rest it may become. A gateway is none of both. */
  readonly asDevice: boolean;
  readonly asGateway: boolean;
  /**
   * Nothing of an earlier session counts: what is kept under the id is dropped, subscriptions that wait for its return
   * included. Otherwise a kept session is handed over, and its subscriptions are active again.
   */
  readonly cleanStart: boolean;
  /** Every silence limit is at least this, ms; Infinity: an open connection is never silent. */
  readonly silenceMsMin: number;
  /** Published just before the device is called offline, when the client left without a goodbye. */
  readonly will: PublishedWill | undefined;
}

export type Joined =
  | { readonly ok: true; readonly kept: KeptSession | undefined }
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
  /** Where this is shorter than the leave grace it holds instead. Undefined: the client named none. */
  readonly delayMs: number | undefined;
}

/** An event of a device; made once and filled in again for each. Ranges are offsets into `bytes`. */
export interface PublishedEvent {
  /** The client's own id, or that of a gateway's device. */
  device: string;
  /** An `EventType`. */
  type: number;
  /** A `Priority`. */
  priority: number;
  bytes: Uint8Array;
  /** What subscribers of MQTT get. */
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
export const Outcome = {
  /** The hub has it. */
  taken: 0,
  /** It is on its way to the owner. */
  later: -1,
  /** Nobody listens, so the hub has counted it and let it go. */
  skipped: -2,
} as const;

export interface Follow {
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
}

export interface KeptSubscription {
  readonly filter: string;
  /** 0: none. */
  readonly identifier: number;
  readonly noLocal: boolean;
}

export interface Leave {
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
  /** A PUBLISH to a topic that is not the client's. */
  | 'foreignTopic'
  /** An event that was refused and whose client could not be told. */
  | 'refusedEvent';
