/**
 * The subscriber side of the owner: who is connected where, what each subscription's status becomes, and what the
 * subscriber is told. Owner thread only. The rules are in `presence/lifecycle.ts`; this carries out their effects.
 *
 * A notice is written before the change that stops delivery and after the one that starts it, in one go: no event
 * can come between.
 */
import { type Clock, toWallMs } from '../clock.ts';
import { closes, errors, removals } from '../codes.ts';
import type { Wheel } from '../memory/wheel.ts';
import { NONE } from '../presence/columns.ts';
import {
  deviceStateNames,
  type Input,
  maySubscribe,
  nextRowState,
  RowState,
  reasonOf,
  type SubscriptionStatus,
  statusOf,
} from '../presence/lifecycle.ts';
import {
  answerFrame,
  listItem,
  refusedItem,
  removedNotice,
  statusNotice,
  subscribedItem,
  subscriberWelcome,
} from '../protocol/hub-frames.ts';
import type { OpRecord } from '../threads/records.ts';
import type { Devices } from './devices.ts';
import type { FanoutLink } from './links.ts';
import type { Registry } from './registry.ts';

export interface SubscriberSettings {
  readonly subscriberInactiveAfterMs: number;
  readonly subscriberRemoveAfterMs: number;
  readonly defaultAccess: 'allow' | 'deny';
  readonly pingIntervalMs: number;
}

export interface SubscribersDeps {
  readonly registry: Registry;
  readonly devices: Devices;
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

  constructor(deps: SubscribersDeps) {
    this.#deps = deps;
    this.#sessions = deps.fanout.map(() => new Map());
  }

  /** Where removal is set to come before inactive, rows go without having been inactive. */
  get #firstTimerMs(): number {
    const { subscriberInactiveAfterMs, subscriberRemoveAfterMs } = this.#deps.settings;
    return Math.min(subscriberInactiveAfterMs, subscriberRemoveAfterMs);
  }

  /** A subscriber connected to a worker; an older connection of the same id is replaced. */
  join(worker: number, session: number, id: Uint8Array, start: number, length: number): void {
    const { registry, fanout, clock, wheel, settings } = this.#deps;
    const link = fanout[worker]!;
    const slot = registry.ensureSubscriber(id, start, length);
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
    link.joined(session, slot, rows.vip[slot] === 1);
    const resumed = this.#inputAll(slot, 'reconnect');
    link.text(session, subscriberWelcome(registry.subscriberId(slot), settings.pingIntervalMs, resumed));
    wheel.set(slot, clock.now() + this.#firstTimerMs);
  }

  leave(worker: number, session: number): void {
    const slot = this.#sessions[worker]!.get(session);
    if (slot === undefined) return; // replaced, kicked or refused
    this.#sessions[worker]!.delete(session);
    this.#disconnect(slot);
    this.freeIfIdle(slot);
  }

  /** A subscriber whose silence is on record was heard. */
  heard(worker: number, session: number): void {
    const slot = this.#sessions[worker]!.get(session);
    if (slot !== undefined) this.#heard(slot);
  }

  /** What a subscriber asks for. The answer, and the events after it, go the same way in this order. */
  op(worker: number, record: OpRecord): void {
    const slot = this.#sessions[worker]!.get(record.session);
    if (slot === undefined) return;
    switch (record.op) {
      case 'subscribe':
        this.#subscribe(slot, record);
        break;
      case 'resume':
        this.#resume(slot, record);
        break;
      case 'pause':
      case 'unsubscribe':
        this.#stop(slot, record);
        break;
      case 'list':
        this.#list(slot, record);
    }
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
    this.#move(row, after);
    if (after === RowState.none) return -1;
    if (after === RowState.active && !connected) this.#move(row, nextRowState(after, 'disconnect', false));
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
        this.#tell(subscriber, removedNotice(id, removals.terminated.code, removals.terminated.reason));
      }
      this.#move(row, RowState.none);
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
    registry.forEachOfSubscriber(slot, (row) => this.#move(row, RowState.none));
    this.freeIfIdle(slot);
  }

  setVip(slot: number, vip: boolean): void {
    const { registry, fanout } = this.#deps;
    const { rows } = registry.subscribers;
    Atomics.store(rows.vip, slot, vip ? 1 : 0);
    if (rows.session[slot] !== NONE) fanout[rows.worker[slot]!]!.vip(rows.session[slot]!, vip);
  }

  #subscribe(slot: number, { session, id, devices = [] }: OpRecord): void {
    const { registry, settings } = this.#deps;
    const items: string[] = [];
    const refused: string[] = [];
    const link = this.#link(slot);
    for (const name of devices) {
      const bytes = Buffer.from(name);
      const known = registry.findDevice(bytes, 0, bytes.length);
      const row = known < 0 ? -1 : registry.findRow(known, slot);
      const state = row < 0 ? RowState.none : registry.rowState(row);
      if (!maySubscribe(state, settings.defaultAccess)) {
        refused.push(refusedItem(name, errors.denied.code, 'not allowed to subscribe to this device'));
        continue;
      }
      const device = known >= 0 ? known : registry.ensureDevice(bytes, 0, bytes.length);
      const done = device >= 0 && this.#enter(device, slot, row);
      if (done) items.push(this.#snapshot(device, name));
      else refused.push(refusedItem(name, errors.limit.code, 'the hub is at its capacity'));
    }
    link.text(session, answerFrame('subscribed', id, items, refused));
  }

  /** Makes or moves the pair's row by a subscribe. @returns false when the table is full */
  #enter(device: number, subscriber: number, row: number): boolean {
    const { registry, devices } = this.#deps;
    if (row >= 0) {
      this.#move(row, nextRowState(registry.rowState(row), 'subscribe', false));
      return true;
    }
    const made = registry.createRow(device, subscriber, RowState.active);
    devices.unwatched(device); // followed now, or still unfollowed when there was no room
    if (made < 0) return false;
    this.#attach(device, subscriber);
    return true;
  }

  #resume(slot: number, record: OpRecord): void {
    const { registry } = this.#deps;
    const { found, refused } = this.#rowsOf(slot, record);
    const items = found.map((row) => {
      this.#move(row, nextRowState(registry.rowState(row), 'resume', false));
      const device = registry.subscriptions.rows.device[row]!;
      return this.#snapshot(device, registry.deviceId(device));
    });
    this.#link(slot).text(record.session, answerFrame('subscribed', record.id, items, refused));
  }

  /** Pause and unsubscribe: the answer first, then nothing more. */
  #stop(slot: number, record: OpRecord): void {
    const { registry } = this.#deps;
    const { found, refused } = this.#rowsOf(slot, record);
    const input: Input = record.op === 'pause' ? 'pause' : 'unsubscribe';
    const items = found.map((row) =>
      JSON.stringify(registry.deviceId(registry.subscriptions.rows.device[row]!)),
    );
    const answer = answerFrame(input === 'pause' ? 'paused' : 'unsubscribed', record.id, items, refused);
    this.#link(slot).text(record.session, answer);
    for (const row of found) {
      this.#move(row, nextRowState(registry.rowState(row), input, this.#outlives(row)));
    }
  }

  #list(slot: number, { session, id }: OpRecord): void {
    const { registry } = this.#deps;
    const items: string[] = [];
    registry.forEachOfSubscriber(slot, (row, device) => {
      const state = registry.rowState(row);
      if (isSubscribed(state)) items.push(listItem(registry.deviceId(device), statusOf(state)!));
    });
    this.#link(slot).text(session, answerFrame('list', id, items, []));
  }

  /** The rows an op names, all subscribed ones when it names none; refusals for the rest. */
  #rowsOf(slot: number, { devices }: OpRecord): { found: number[]; refused: string[] } {
    const { registry } = this.#deps;
    const found: number[] = [];
    const refused: string[] = [];
    if (devices === undefined) {
      registry.forEachOfSubscriber(slot, (row) => {
        if (isSubscribed(registry.rowState(row))) found.push(row);
      });
      return { found, refused };
    }
    for (const name of devices) {
      const bytes = Buffer.from(name);
      const device = registry.findDevice(bytes, 0, bytes.length);
      const row = device < 0 ? -1 : registry.findRow(device, slot);
      const state = row < 0 ? RowState.none : registry.rowState(row);
      if (isSubscribed(state)) found.push(row);
      else if (state === RowState.deny)
        refused.push(refusedItem(name, errors.denied.code, 'denied by an operator'));
      else refused.push(refusedItem(name, errors.unknownDevice.code, 'not subscribed to this device'));
    }
    return { found, refused };
  }

  /** The device as it is now: the next event after this has `seq` + 1. */
  #snapshot(device: number, name: string): string {
    const { registry, clock } = this.#deps;
    const { rows } = registry.devices;
    return subscribedItem({
      device: name,
      status: 'active',
      state: deviceStateNames[rows.deviceState[device] as 1 | 2 | 3],
      lastSeen: toWallMs(clock, Number(Atomics.load(rows.lastSeen, device))),
      seq: rows.seq[device]!,
      deviceStatus: registry.deviceStatus(device),
    });
  }

  /** Puts a row into a state, or away, and lets its socket know what it gets from now on. */
  #move(row: number, after: RowState): void {
    const { registry, devices } = this.#deps;
    const before = registry.rowState(row);
    if (before === after) return;
    const device = registry.subscriptions.rows.device[row]!;
    const subscriber = registry.subscriptions.rows.subscriber[row]!;
    if (before === RowState.active) {
      const session = registry.subscribers.rows.session[subscriber]!;
      if (session !== NONE) this.#link(subscriber).detach(session, device);
    }
    if (after === RowState.none) {
      registry.removeRow(row);
      devices.unwatched(device);
    } else {
      registry.setRowState(row, after);
    }
    if (after === RowState.active) this.#attach(device, subscriber);
  }

  #attach(device: number, subscriber: number): void {
    const { registry } = this.#deps;
    const session = registry.subscribers.rows.session[subscriber]!;
    if (session !== NONE) this.#link(subscriber).attach(session, device, registry.deviceId(device));
  }

  /** Applies one input to all rows of a subscriber. @returns the devices whose status changed */
  #inputAll(slot: number, input: Input): string[] {
    const { registry } = this.#deps;
    const changed: string[] = [];
    registry.forEachOfSubscriber(slot, (row, device) => {
      const before = registry.rowState(row);
      const after = nextRowState(before, input, this.#outlives(row));
      if (after === before) return;
      if (statusOf(after) !== statusOf(before)) changed.push(registry.deviceId(device));
      this.#move(row, after);
    });
    return changed;
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
    if (silenced.length > 0) this.#tell(slot, statusNotice(silenced, 'inactive', 'silent'));
    this.#inputAll(slot, 'silence');
  }

  #heard(slot: number): void {
    const { registry, wheel, clock } = this.#deps;
    Atomics.store(registry.subscribers.rows.silent, slot, 0);
    const back = this.#inputAll(slot, 'activity');
    if (back.length > 0) this.#tell(slot, statusNotice(back, 'active', 'activity'));
    wheel.set(slot, clock.now() + this.#firstTimerMs);
  }

  #expire(slot: number): void {
    const { registry } = this.#deps;
    const gone: string[] = [];
    registry.forEachOfSubscriber(slot, (row, device) => {
      if (isSubscribed(registry.rowState(row))) gone.push(registry.deviceId(device));
    });
    if (gone.length > 0) {
      this.#tell(slot, removedNotice(gone, removals.inactiveTooLong.code, removals.inactiveTooLong.reason));
    }
    this.#inputAll(slot, 'expire');
    // Still connected: the next frame counts as activity and arms the timer again.
    if (registry.subscribers.rows.session[slot] !== NONE)
      Atomics.store(registry.subscribers.rows.silent, slot, 1);
    this.freeIfIdle(slot);
  }

  /** In default-deny mode a grant must outlive the subscription, or its owner could not come back. */
  #outlives(row: number): boolean {
    return this.#deps.settings.defaultAccess === 'deny' && this.#deps.registry.isGranted(row);
  }

  /** Frees the row of a subscriber that is neither connected nor has subscriptions. */
  freeIfIdle(slot: number): void {
    const { registry, wheel } = this.#deps;
    const { rows } = registry.subscribers;
    if (rows.session[slot] !== NONE || rows.rowCount[slot] !== 0 || rows.used[slot] === 0) return;
    wheel.cancel(slot);
    registry.freeSubscriber(slot);
  }

  #link(subscriber: number): FanoutLink {
    return this.#deps.fanout[this.#deps.registry.subscribers.rows.worker[subscriber]!]!;
  }

  #tell(subscriber: number, frame: string): void {
    const session = this.#deps.registry.subscribers.rows.session[subscriber]!;
    if (session !== NONE) this.#link(subscriber).text(session, frame);
  }

  #close(subscriber: number, close: { readonly code: number; readonly reason: string }): void {
    this.#link(subscriber).close(this.#deps.registry.subscribers.rows.session[subscriber]!, close);
  }
}

/** Whether the row is a subscription the subscriber knows of: active or inactive. */
function isSubscribed(state: number): boolean {
  const status: SubscriptionStatus | undefined = statusOf(state);
  return status === 'active' || status === 'inactive';
}
