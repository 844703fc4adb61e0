/** A hub that does the least that the link needs of one: what it costs hardly shows beside the link. */

import { eventRecord } from '../../fixtures/event-records.ts';
import { EventField, eventBytes } from '../../src/cluster/event-record.ts';
import type {
  CallAnswer,
  ClusterHost,
  FollowRequest,
  HomeDevice,
  HostFigures,
  ListPage,
} from '../../src/cluster/host.ts';
import type { ClusterNode } from '../../src/cluster/node.ts';
import { HomeKind, Level } from '../../src/cluster/records.ts';
import { DeviceState } from '../../src/presence/lifecycle.ts';

const PAYLOAD_BYTES = 128;

interface Device {
  readonly id: string;
  readonly slot: number;
  seq: number;
}

export class QuietHost implements ClusterHost {
  node!: ClusterNode;
  readonly name: string;
  readonly devices = new Map<string, Device>();
  /** Of remote devices. */
  events = 0;
  gaps = 0;
  entries = 0;
  settledCount = 0;
  isIn = false;
  readonly #record = eventRecord({ payload: `"${'x'.repeat(PAYLOAD_BYTES - 2)}"` });
  readonly #bytes = eventBytes(this.#record, 0);
  #slots = 0;

  constructor(name: string) {
    this.name = name;
  }

  connectDevice(id: string): void {
    this.node.homes.connect(HomeKind.device, id);
  }

  follow(id: string): void;
  follow(peer: number, id: string, request: FollowRequest): void;
  follow(first: number | string, id?: string, request?: FollowRequest): void {
    if (typeof first === 'string') {
      this.node.follows.want(first, Level.active);
      return;
    }
    const device = this.devices.get(id!);
    if (device === undefined) return;
    const { level, request: number } = request!;
    const { slot, seq } = device;
    const entry = { ...entryOf(device), startState: DeviceState.online };
    this.node.followers.followed(first, { request: number, id: id!, slot, level, entry });
    this.node.followers.upTo(first, slot, seq);
  }

  publish(device: Device): void {
    device.seq += 1;
    this.#record.f64[EventField.seq >> 3] = device.seq;
    this.#record.u32[EventField.device >> 2] = device.slot;
    this.node.followers.event(this.#record, 0, this.#bytes);
  }

  remote(): void {
    this.entries += 1;
  }

  event(): boolean {
    this.events += 1;
    return true;
  }

  gap(): void {
    this.gaps += 1;
  }

  lost(): void {}
  caughtUp(): void {}
  gone(): void {}
  hasRoom(): boolean {
    return true;
  }

  settled(): void {
    this.settledCount += 1;
  }

  listed(_prefix: string, ids: readonly string[]): void {
    for (const id of ids) this.follow(id);
  }

  appeared(id: string): void {
    this.follow(id);
  }

  peerJoined(): void {}
  peerLeft(): void {}
  unfollow(): void {}

  list(): ListPage {
    return { ids: [...this.devices.keys()], cursor: '' };
  }

  history(): void {}
  past(): void {}
  historyDone(): void {}

  adopt(_kind: HomeKind, id: string): void {
    this.#slots += 1;
    this.devices.set(id, { id, slot: this.#slots, seq: 0 });
  }

  release(): void {}

  surrender(kind: HomeKind, id: string): void {
    this.devices.delete(id);
    this.node.homes.surrendered(kind, id, [], 0);
  }

  ping(): void {}
  apply(): void {}

  call(): Promise<CallAnswer> {
    return Promise.resolve({ status: 404, body: new Uint8Array(0) });
  }

  figures(): HostFigures {
    return { devices: this.devices.size, subscribers: 0, eventsPerSecond: 0, draining: false };
  }

  phase(phase: string): void {
    this.isIn = phase === 'in';
  }

  duplicate(): void {}
}

function entryOf({ seq }: Device): HomeDevice {
  return { epoch: 'e', seq, state: DeviceState.online, status: '', lastSeen: 1 };
}
