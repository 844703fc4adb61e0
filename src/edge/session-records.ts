/**
 * Handles the owner's records about an edge's sessions: admission, closes, moves to another edge, pings, and the
 * resynchronization when another owner takes over. `SubscriberRecords` handles records for single subscribers.
 */
import { closes } from '../codes.ts';
import type { RecordViews } from '../memory/ring.ts';
import {
  FromOwnerRecord,
  Notice,
  readClosed,
  readEntries,
  readFilters,
  readInterest,
  readJoined,
  readLeft,
  readProbe,
  readRegistered,
  readRelease,
  readResync,
} from '../records/replies.ts';
import { SessionKind } from '../records/requests.ts';
import type { Charges } from './charges.ts';
import { closeByCode } from './close-by-code.ts';
import type { RequestFlow } from './deliver/request-flow.ts';
import type { SubscriberRecords } from './deliver/subscriber-records.ts';
import type { SubscriberSession } from './deliver/subscriber-session.ts';
import type { Edge } from './edge.ts';
import type { EdgeSession } from './edge-deps.ts';
import type { OwnerLine } from './owner-line.ts';
import { joinOf } from './session.ts';

export interface SessionRecordsDeps {
  readonly edge: Edge;
  /** Those with connections of their own, by number. */
  readonly sessions: ReadonlyMap<number, EdgeSession>;
  readonly line: OwnerLine;
  readonly charges: Charges;
  readonly requests: RequestFlow;
  readonly records: SubscriberRecords;
}

export class SessionRecords {
  readonly #deps: SessionRecordsDeps;

  constructor(deps: SessionRecordsDeps) {
    this.#deps = deps;
  }

  /** Handles a record that is neither an event nor an ack. @throws if no edge knows its kind */
  obey(kind: number, views: RecordViews, offset: number): void {
    const { edge, sessions, records } = this.#deps;
    switch (kind) {
      case FromOwnerRecord.Gap:
        edge.deliverer.gap(views, offset);
        return;
      case FromOwnerRecord.Seq:
        edge.deliverer.seq(views, offset);
        return;
      case FromOwnerRecord.Resync:
        this.#resync(readResync(views, offset).term);
        return;
      case FromOwnerRecord.Resynced:
        this.#resynced();
        return;
      case FromOwnerRecord.Joined:
        this.#joined(views, offset);
        return;
      case FromOwnerRecord.Closed:
        this.#closed(views, offset);
        return;
      case FromOwnerRecord.Registered: {
        const { session, present, id, kept } = readRegistered(views, offset);
        edge.mqtt.registered(session, id, present ? kept : undefined);
        return;
      }
      case FromOwnerRecord.Probe:
        sessions.get(readProbe(views, offset).session)?.ping();
        return;
      case FromOwnerRecord.Release:
        this.#release(readRelease(views, offset).session);
        return;
      case FromOwnerRecord.Interest: {
        const session = edge.find(readInterest(views, offset).session);
        if (session?.kind === SessionKind.device && !session.closing) edge.interests.changed(session);
        return;
      }
      case FromOwnerRecord.Left:
        edge.gateways.left(readLeft(views, offset).session);
        return;
      default:
        records.obey(kind, views, offset);
    }
  }

  #closed(views: RecordViews, offset: number): void {
    const { edge } = this.#deps;
    const { session: number, code } = readClosed(views, offset);
    const session = edge.find(number);
    if (session === undefined) {
      edge.mqtt.close(number, closeByCode(code));
      return;
    }
    edge.keepAllowance(session);
    session.closedByOwner(closeByCode(code));
  }

  /**
   * Another edge takes over the device. What has arrived at the socket by now is read first, in this turn of the event
   * loop; after the leave, this thread writes nothing more for the device.
   */
  #release(number: number): void {
    const { edge, sessions, line } = this.#deps;
    setImmediate(() => {
      const connected = sessions.get(number);
      const session = connected ?? edge.gateways.find(number);
      if (session === undefined) return; // it has left by itself
      edge.keepAllowance(session);
      session.close(closes.replaced); // a gateway's device leaves with that
      if (connected !== undefined) line.leave(number, false);
    });
  }

  #joined(views: RecordViews, offset: number): void {
    const { edge, charges } = this.#deps;
    const joined = readJoined(views, offset);
    const { slot } = joined;
    edge.gateways.joined(joined.session);
    const session = edge.find(joined.session);
    if (session === undefined || session.closing) return;
    charges.include(session);
    if (session.kind === SessionKind.subscriber) {
      this.#welcome(session, joined);
      return;
    }
    session.welcome(slot, session.codec.welcome(session.id, edge.settings.pingIntervalMs));
    if (session.kind !== SessionKind.device) return;
    edge.publisher.storeSeen(session, Math.abs(session.aliveAt));
    edge.interests.welcomed(session);
  }

  #welcome(session: SubscriberSession, joined: ReturnType<typeof readJoined>): void {
    const { edge, requests, records, charges } = this.#deps;
    const { slot, vip, more, filters } = joined;
    const resumed = readEntries(joined.resumed);
    session.slot = slot;
    edge.deliverer.setVip(session, vip);
    const told = { resumed, filters: readFilters(filters), held: session.hold, more };
    session.welcome(slot, session.codec.welcome(session.id, edge.settings.pingIntervalMs, told));
    requests.noticed(session, Notice.resumed, more);
    records.sent(session, resumed.length);
    const { wanted } = session;
    if (wanted === undefined) return;
    session.wanted = undefined;
    const { devices = [], filters: prefixes = [] } = wanted.named ?? {};
    charges.rows(session, devices.length + prefixes.length); // as in a frame
    edge.request(session, wanted, edge.clock.now());
  }

  /** A new owner asks for this edge's sessions. Subscriptions that it does not name before `Resynced` have ended. */
  #resync(term: number): void {
    const { edge, sessions, line, records } = this.#deps;
    edge.deliverer.beginResync();
    for (const session of sessions.values()) {
      if (session.closing) continue;
      line.join(joinOf(session, session.welcomed), session.ticket);
    }
    edge.gateways.rejoin();
    edge.mqtt.resync();
    line.synced(term);
    records.resync();
  }

  #resynced(): void {
    const { edge, sessions, records } = this.#deps;
    edge.deliverer.endResync();
    records.resynced();
    edge.mqtt.resynced();
    for (const session of [...sessions.values(), ...edge.gateways.connected]) {
      if (session.kind !== SessionKind.device || session.closing) continue;
      session.acksDue = 0; // what the owner before this one had in its hands is not answered
      edge.interests.changed(session);
    }
  }
}
