/**
 * The subscriber side of the owner: who is connected where, silence and expiry, and what operators do to
 * subscriptions. Owner thread only. The rules are in `presence/lifecycle.ts`; this carries out their effects.
 *
 * A notice is written before the change that stops delivery and after the one that starts it, in one go: no event
 * can come between.
 */
import type { Actor } from '../access/actor.ts';
import type { Clock } from '../clock.ts';
import { closes, removals } from '../codes.ts';
import { highWater } from '../memory/layout.ts';
import type { Wheel } from '../memory/wheel.ts';
import { NONE, Vip } from '../presence/columns.ts';
import { type Input, nextRowState, RowState, reasonOf, statusOf } from '../presence/lifecycle.ts';
import { removedNotice, statusNotice, subscriberWelcome } from '../protocol/hub-frames.ts';
import type { JoinRecord, OpRecord } from '../threads/records.ts';
import type { Grants } from './grants.ts';
import type { FanoutLink } from './links.ts';
import type { Ops } from './ops.ts';
import type { Registry } from './registry.ts';
import { isSubscribed, type Rows } from './rows.ts';

export interface SubscriberSettings {
  readonly subscriberInactiveAfterMs: number;
  readonly subscriberRemoveAfterMs: number;
  readonly defaultAccess: 'allow' | 'deny';
  readonly maxSubscriptionsPerSubscriber: number;
  readonly pingIntervalMs: number;
}

export interface SubscribersDeps {
  readonly registry: Registry;
  readonly rows: Rows;
  readonly grants: Grants;
  readonly ops: Ops;
  readonly fanout: readonly FanoutLink[];
  /** A timer per subscriber slot: silence, then removal. */
  readonly wheel: Wheel;
  readonly clock: Clock;
  readonly settings: SubscriberSettings;
}

export class Subscribers {
  readonly #deps: SubscribersDeps;
  /** By worker: fan-out session → subscriber slot. */
  readonly #sessions: readonly Map<number, number>[];
  /** By worker: sessions of rows that were taken over and that the worker has not confirmed yet. */
  readonly #unconfirmed: readonly Set<number>[];

  constructor(deps: SubscribersDeps) {
    this.#deps = deps;
    this.#sessions = deps.fanout.map(() => new Map());
    this.#unconfirmed = deps.fanout.map(() => new Set());
  }

  /** Takes over the rows that another owner left, and finishes what it had begun. */
  adopt(): void {
    const { registry, wheel } = this.#deps;
    const { rows } = registry.subscribers;
    for (let slot = 0; slot < highWater(registry.subscribers); slot++) {
      if (rows.used[slot] === 0) continue;
      const session = rows.session[slot]!;
      if (session === NONE) {
        this.#inputAll(slot, 'disconnect');
      } else {
        this.#sessions[rows.worker[slot]!]!.set(session, slot);
        this.#unconfirmed[rows.worker[slot]!]!.add(session);
        if (rows.silent[slot] === 1) this.#inputAll(slot, 'silence');
      }
      wheel.set(slot, Number(Atomics.load(rows.lastSeen, slot)) + this.#firstTimerMs);
      this.freeIfIdle(slot);
    }
  }

  /** A worker says, after this owner took over, that it holds the subscriber. */
  rejoin(worker: number, record: JoinRecord): void {
    const { session, actor, again } = record;
    const slot = this.#sessions[worker]!.get(session);
    const unconfirmed = this.#unconfirmed[worker]!.delete(session);
    if (again) {
      if (slot === undefined) this.#closeStranger(worker, record);
      else this.#confirm(slot, actor);
    } else if (slot === undefined) {
      this.join(worker, record);
    } else if (unconfirmed) {
      // It was let in, or half so, and nobody told it.
      this.#disconnect(slot);
      this.join(worker, record);
    }
  }

  /** The worker has named all it holds: whoever else was connected to it is not any more. */
  dropUnconfirmed(worker: number): void {
    for (const session of this.#unconfirmed[worker]!) this.leave(worker, session);
    this.#unconfirmed[worker]!.clear();
  }

  /** The worker is gone, and every socket with it. */
  leaveAll(worker: number): void {
    for (const session of [...this.#sessions[worker]!.keys()]) this.leave(worker, session);
  }

  /** Where removal is set to come before inactive, rows go without having been inactive. */
  get #firstTimerMs(): number {
    const { subscriberInactiveAfterMs, subscriberRemoveAfterMs } = this.#deps.settings;
    return Math.min(subscriberInactiveAfterMs, subscriberRemoveAfterMs);
  }

  /** A subscriber connected to a worker; an older connection of the same id is replaced. */
  join(worker: number, { session, actor }: JoinRecord): void {
    const { registry, fanout, clock, wheel, settings, grants } = this.#deps;
    const link = fanout[worker]!;
    const id = Buffer.from(actor.id);
    const slot = registry.ensureSubscriber(id, 0, id.length);
    if (slot < 0) {
      link.close(session, closes.overCapacity);
      return;
    }
    const { rows } = registry.subscribers;
    if (rows.session[slot] !== NONE) {
      this.#close(slot, closes.replaced);
      this.#disconnect(slot);
    }
    this.#sessions[worker]!.set(session, slot);
    Atomics.store(rows.worker, slot, worker);
    Atomics.store(rows.session, slot, session);
    Atomics.store(rows.silent, slot, 0);
    Atomics.store(rows.lastSeen, slot, BigInt(Math.floor(clock.now())));
    grants.set(slot, actor);
    Atomics.store(rows.vip, slot, (rows.vip[slot]! & Vip.operator) | (actor.vip ? Vip.token : 0));
    link.joined(session, slot, rows.vip[slot] !== 0);
    const lost = this.#removeUncovered(slot);
    const resumed = this.#inputAll(slot, 'reconnect');
    link.text(session, subscriberWelcome(actor.id, settings.pingIntervalMs, resumed));
    if (lost.length > 0) {
      link.text(session, removedNotice(lost, removals.denied.code, 'not covered by the token'));
    }
    wheel.set(slot, clock.now() + this.#firstTimerMs);
  }

  leave(worker: number, session: number): void {
    const slot = this.#sessions[worker]!.get(session);
    if (slot === undefined) return; // replaced, kicked or refused
    this.#unconfirmed[worker]!.delete(session);
    this.#sessions[worker]!.delete(session);
    this.#disconnect(slot);
    this.freeIfIdle(slot);
  }

  /** A subscriber whose silence is on record was heard. */
  heard(worker: number, session: number): void {
    const slot = this.#sessions[worker]!.get(session);
    if (slot !== undefined) this.#heard(slot);
  }

  /** The subscriber asks for something. */
  op(worker: number, record: OpRecord): void {
    const slot = this.#sessions[worker]!.get(record.session);
    if (slot !== undefined) this.#deps.ops.answer(slot, record);
  }

  /** The subscriber's timer has run out. */
  timer(slot: number): void {
    const { registry, clock, settings, wheel } = this.#deps;
    const { rows } = registry.subscribers;
    const lastSeen = Number(Atomics.load(rows.lastSeen, slot));
    const silentMs = clock.now() - lastSeen;
    const connected = rows.session[slot] !== NONE;
    if (silentMs >= settings.subscriberRemoveAfterMs) {
      this.#expire(slot);
      return;
    }
    if (connected && rows.silent[slot] === 0) {
      if (silentMs < settings.subscriberInactiveAfterMs) {
        wheel.set(slot, lastSeen + this.#firstTimerMs);
        return;
      }
      this.#silence(slot, lastSeen);
      if (rows.silent[slot] === 0) return;
    }
    wheel.set(slot, lastSeen + settings.subscriberRemoveAfterMs);
  }

  /** Applies an operator's input to one row and tells the subscriber. @returns the row, or -1 when it is gone */
  operatorInput(row: number, input: Input): number {
    const { registry, fanout, wheel, clock, settings } = this.#deps;
    const { rows } = registry.subscriptions;
    const device = rows.device[row]!;
    const subscriber = rows.subscriber[row]!;
    const before = registry.rowState(row);
    const after = nextRowState(before, input, false);
    const connected = registry.subscribers.rows.session[subscriber] !== NONE;
    const subscribed = isSubscribed(before);
    if (after !== before && connected) {
      const link = fanout[registry.subscribers.rows.worker[subscriber]!]!;
      const session = registry.subscribers.rows.session[subscriber]!;
      const id = [registry.deviceId(device)];
      if (subscribed && !isSubscribed(after)) {
        const reason = input === 'operatorDeny' ? 'denied by an operator' : 'removed by an operator';
        link.text(session, removedNotice(id, removals.denied.code, reason));
      } else if (isSubscribed(after)) {
        link.text(session, statusNotice(id, statusOf(after)!, reasonOf(after) ?? 'operator'));
      }
    }
    this.#deps.rows.move(row, after);
    if (after === RowState.none) return -1;
    if (after === RowState.active && !connected)
      this.#deps.rows.move(row, nextRowState(after, 'disconnect', false));
    if (!connected && !wheel.isSet(subscriber))
      wheel.set(subscriber, clock.now() + settings.subscriberRemoveAfterMs);
    return row;
  }

  /** Removes every subscription of the device, telling the subscribers why. */
  removeAllOfDevice(device: number): void {
    const { registry } = this.#deps;
    const id = [registry.deviceId(device)];
    registry.forEachOfDevice(device, (row, subscriber) => {
      if (isSubscribed(registry.rowState(row))) {
        this.#deps.rows.tell(
          subscriber,
          removedNotice(id, removals.terminated.code, removals.terminated.reason),
        );
      }
      this.#deps.rows.move(row, RowState.none);
      this.freeIfIdle(subscriber);
    });
  }

  /** Closes the subscriber's connection, if any, and removes all its rows. */
  kick(slot: number): void {
    const { registry } = this.#deps;
    const { rows } = registry.subscribers;
    if (rows.session[slot] !== NONE) {
      this.#close(slot, closes.kicked);
      this.#disconnect(slot);
    }
    registry.forEachOfSubscriber(slot, (row) => this.#deps.rows.move(row, RowState.none));
    this.freeIfIdle(slot);
  }

  /** Whether the token that the subscriber last came with lets it follow the device. */
  mayFollow(subscriber: string, device: string): boolean {
    const { registry, grants } = this.#deps;
    const id = Buffer.from(subscriber);
    const slot = registry.findSubscriber(id, 0, id.length);
    return slot < 0 || grants.mayFollow(slot, device);
  }

  setVip(slot: number, vip: boolean): void {
    const { registry, fanout } = this.#deps;
    const { rows } = registry.subscribers;
    Atomics.store(rows.vip, slot, (rows.vip[slot]! & Vip.token) | (vip ? Vip.operator : 0));
    if (rows.session[slot] !== NONE) {
      fanout[rows.worker[slot]!]!.vip(rows.session[slot]!, rows.vip[slot] !== 0);
    }
  }

  /** Its socket is there: it gets what it got before. */
  #confirm(slot: number, actor: Actor): void {
    const { registry, rows, grants, fanout } = this.#deps;
    const { worker, session, vip } = registry.subscribers.rows;
    grants.set(slot, actor);
    fanout[worker[slot]!]!.vip(session[slot]!, vip[slot] !== 0);
    registry.forEachOfSubscriber(slot, (row, device) => {
      if (registry.rowState(row) === RowState.active) rows.attach(device, slot);
    });
  }

  /** The owner before this one had replaced or kicked it, and the worker never heard. */
  #closeStranger(worker: number, { session, actor }: JoinRecord): void {
    const { registry, fanout } = this.#deps;
    const id = Buffer.from(actor.id);
    const slot = registry.findSubscriber(id, 0, id.length);
    const replaced = slot >= 0 && registry.subscribers.rows.session[slot] !== NONE;
    fanout[worker]!.close(session, replaced ? closes.replaced : closes.kicked);
  }

  /** Applies one input to all rows of a subscriber. @returns the devices whose status changed */
  #inputAll(slot: number, input: Input): string[] {
    const { registry } = this.#deps;
    const changed: string[] = [];
    registry.forEachOfSubscriber(slot, (row, device) => {
      const before = registry.rowState(row);
      const after = nextRowState(before, input, this.#deps.rows.outlives(row));
      if (after === before) return;
      if (statusOf(after) !== statusOf(before)) changed.push(registry.deviceId(device));
      this.#deps.rows.move(row, after);
    });
    return changed;
  }

  /** A new token may cover less than the one that subscribed. @returns the devices whose rows are gone */
  #removeUncovered(slot: number): string[] {
    const { registry, rows, grants } = this.#deps;
    const lost: string[] = [];
    registry.forEachOfSubscriber(slot, (row, device) => {
      const id = registry.deviceId(device);
      if (!isSubscribed(registry.rowState(row)) || grants.mayFollow(slot, id)) return;
      lost.push(id);
      rows.move(row, nextRowState(registry.rowState(row), 'unsubscribe', rows.outlives(row)));
    });
    return lost;
  }

  #disconnect(slot: number): void {
    const { registry, wheel, settings } = this.#deps;
    const { rows } = registry.subscribers;
    this.#sessions[rows.worker[slot]!]!.delete(rows.session[slot]!);
    Atomics.store(rows.session, slot, NONE); // the socket is gone: nothing needs to be detached
    Atomics.store(rows.silent, slot, 0);
    this.#inputAll(slot, 'disconnect');
    wheel.set(slot, Number(Atomics.load(rows.lastSeen, slot)) + settings.subscriberRemoveAfterMs);
  }

  /**
   * The fan-out worker stores last_seen, then looks whether the subscriber is silent; this stores silent, then looks
   * at last_seen: one of the two notices when a frame comes in just now.
   */
  #silence(slot: number, lastSeen: number): void {
    const { registry } = this.#deps;
    const { rows } = registry.subscribers;
    Atomics.store(rows.silent, slot, 1);
    if (Number(Atomics.load(rows.lastSeen, slot)) !== lastSeen) {
      this.#heard(slot);
      return;
    }
    const silenced: string[] = [];
    registry.forEachOfSubscriber(slot, (row, device) => {
      if (registry.rowState(row) === RowState.active) silenced.push(registry.deviceId(device));
    });
    if (silenced.length > 0) this.#deps.rows.tell(slot, statusNotice(silenced, 'inactive', 'silent'));
    this.#inputAll(slot, 'silence');
  }

  #heard(slot: number): void {
    const { registry, wheel, clock } = this.#deps;
    Atomics.store(registry.subscribers.rows.silent, slot, 0);
    const back = this.#inputAll(slot, 'activity');
    if (back.length > 0) this.#deps.rows.tell(slot, statusNotice(back, 'active', 'activity'));
    wheel.set(slot, clock.now() + this.#firstTimerMs);
  }

  #expire(slot: number): void {
    const { registry } = this.#deps;
    const gone: string[] = [];
    registry.forEachOfSubscriber(slot, (row, device) => {
      if (isSubscribed(registry.rowState(row))) gone.push(registry.deviceId(device));
    });
    if (gone.length > 0) {
      this.#deps.rows.tell(
        slot,
        removedNotice(gone, removals.inactiveTooLong.code, removals.inactiveTooLong.reason),
      );
    }
    this.#inputAll(slot, 'expire');
    // Still connected: the next frame counts as activity and arms the timer again.
    if (registry.subscribers.rows.session[slot] !== NONE)
      Atomics.store(registry.subscribers.rows.silent, slot, 1);
    this.freeIfIdle(slot);
  }

  /** Frees the row of a subscriber that is neither connected nor has subscriptions. */
  freeIfIdle(slot: number): void {
    const { registry, wheel } = this.#deps;
    const { rows } = registry.subscribers;
    if (rows.session[slot] !== NONE || rows.rowCount[slot] !== 0 || rows.used[slot] === 0) return;
    wheel.cancel(slot);
    this.#deps.grants.delete(slot);
    registry.freeSubscriber(slot);
  }

  #close(subscriber: number, close: { readonly code: number; readonly reason: string }): void {
    this.#deps.rows.link(subscriber).close(this.#deps.registry.subscribers.rows.session[subscriber]!, close);
  }
}
