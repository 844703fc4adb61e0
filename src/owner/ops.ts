/**
 * What subscribers ask for, and the answers. Owner thread only. The answer and the events that follow go the same way:
 * what starts delivery is written before the answer's snapshot is followed by events, what ends it after the answer.
 */
import { type Clock, toWallMs } from '../clock.ts';
import { errors } from '../codes.ts';
import {
  deviceStateNames,
  type Input,
  maySubscribe,
  nextRowState,
  RowState,
  statusOf,
} from '../presence/lifecycle.ts';
import { answerFrame, listItem, refusedItem, subscribedItem } from '../protocol/hub-frames.ts';
import type { OpRecord } from '../threads/records.ts';
import type { AccessControl } from './access.ts';
import type { Devices } from './devices.ts';
import type { Grants } from './grants.ts';
import type { Registry } from './registry.ts';
import { isSubscribed, type Rows } from './rows.ts';

export interface OpsDeps {
  readonly registry: Registry;
  readonly devices: Devices;
  readonly rows: Rows;
  readonly grants: Grants;
  readonly clock: Clock;
  readonly access: AccessControl;
  /** Subscriptions that one subscriber may have. */
  readonly rowsMax: number;
}

export class Ops {
  readonly #deps: OpsDeps;

  constructor(deps: OpsDeps) {
    this.#deps = deps;
  }

  /** Does what the subscriber in this slot asks for and answers it. */
  answer(slot: number, record: OpRecord): void {
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

  #subscribe(slot: number, { session, id, devices = [] }: OpRecord): void {
    const { registry, rows, grants, access, rowsMax } = this.#deps;
    const items: string[] = [];
    const refused: string[] = [];
    const link = rows.link(slot);
    const subscriber = registry.subscriberId(slot);
    for (const name of devices) {
      const bytes = Buffer.from(name);
      const known = registry.findDevice(bytes, 0, bytes.length);
      const row = known < 0 ? -1 : registry.findRow(known, slot);
      const state = row < 0 ? RowState.none : registry.rowState(row);
      if (!grants.mayFollow(slot, name)) {
        refused.push(refusedItem(name, errors.denied.code, 'not covered by the token'));
        continue;
      }
      if (!maySubscribe(state, access.decide(name, subscriber))) {
        refused.push(refusedItem(name, errors.denied.code, 'not allowed to subscribe to this device'));
        continue;
      }
      if (row < 0 && registry.subscribers.rows.rowCount[slot]! >= rowsMax) {
        refused.push(refusedItem(name, errors.limit.code, `more than ${rowsMax} subscriptions`));
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
      this.#deps.rows.move(row, nextRowState(registry.rowState(row), 'subscribe', false));
      return true;
    }
    const made = registry.createRow(device, subscriber, RowState.active);
    devices.unwatched(device); // followed now, or still unfollowed when there was no room
    if (made < 0) return false;
    this.#deps.rows.attach(device, subscriber);
    return true;
  }

  #resume(slot: number, record: OpRecord): void {
    const { registry } = this.#deps;
    const { found, refused } = this.#rowsOf(slot, record);
    const items = found.map((row) => {
      this.#deps.rows.move(row, nextRowState(registry.rowState(row), 'resume', false));
      const device = registry.subscriptions.rows.device[row]!;
      return this.#snapshot(device, registry.deviceId(device));
    });
    this.#deps.rows.link(slot).text(record.session, answerFrame('subscribed', record.id, items, refused));
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
    this.#deps.rows.link(slot).text(record.session, answer);
    for (const row of found) {
      this.#deps.rows.move(row, nextRowState(registry.rowState(row), input, this.#deps.rows.outlives(row)));
    }
  }

  #list(slot: number, { session, id }: OpRecord): void {
    const { registry } = this.#deps;
    const items: string[] = [];
    registry.forEachOfSubscriber(slot, (row, device) => {
      const state = registry.rowState(row);
      if (isSubscribed(state)) items.push(listItem(registry.deviceId(device), statusOf(state)!));
    });
    this.#deps.rows.link(slot).text(session, answerFrame('list', id, items, []));
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
}
