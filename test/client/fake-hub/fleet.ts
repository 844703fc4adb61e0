/** The devices of the fake hub: numbering, history, presence. */

export type Type = 'message' | 'status' | 'pong';
export type Priority = 'low' | 'normal' | 'high';

export interface FakeEvent {
  readonly device: string;
  readonly type: Type;
  readonly source: 'device' | 'hub';
  readonly seq: number;
  readonly at: number;
  readonly priority: Priority;
  readonly data?: unknown;
  readonly data64?: string;
  readonly status?: string;
}

export interface FakeDevice {
  readonly id: string;
  /** Has ever connected: filters match it. */
  isReal: boolean;
  state: 'online' | 'stale' | 'offline';
  lastSeen: number;
  seq: number;
  epoch: string;
  deviceStatus: string | null;
  /** Oldest first. */
  kept: FakeEvent[];
}

const defaults = { message: 'normal', status: 'high', pong: 'low' } as const;

export class Fleet {
  readonly #devices = new Map<string, FakeDevice>();
  /** Events of a device that are kept; 0: there is no history. */
  readonly historyEvents: number;
  #epochs = 0;

  constructor(historyEvents: number) {
    this.historyEvents = historyEvents;
  }

  get all(): IterableIterator<FakeDevice> {
    return this.#devices.values();
  }

  get(id: string): FakeDevice | undefined {
    return this.#devices.get(id);
  }

  /** Makes the row when there is none. */
  row(id: string): FakeDevice {
    let device = this.#devices.get(id);
    if (device === undefined) {
      device = {
        id,
        isReal: false,
        state: 'offline',
        lastSeen: 0,
        seq: 0,
        epoch: this.#epoch(),
        deviceStatus: null,
        kept: [],
      };
      this.#devices.set(id, device);
    }
    return device;
  }

  delete(id: string): void {
    this.#devices.delete(id);
  }

  /** The numbering starts anew. */
  renumber(device: FakeDevice): void {
    device.seq = 0;
    device.epoch = this.#epoch();
    device.kept = [];
  }

  /**
   * Numbers and keeps an event. @param isNeeded somebody listens, or waits to reconnect
   * @returns undefined: it is skipped, and takes no number
   */
  event(
    device: FakeDevice,
    fields: Pick<FakeEvent, 'type' | 'source'> & Partial<FakeEvent>,
    isNeeded: boolean,
  ): FakeEvent | undefined {
    const { type, source } = fields;
    const isKept = this.historyEvents > 0 && type !== 'pong';
    if (!isNeeded && !isKept) return undefined;
    device.seq += 1;
    const now = Date.now();
    const base = { device: device.id, seq: device.seq, at: now, priority: defaults[type] };
    const event: FakeEvent = { ...base, ...JSON.parse(JSON.stringify(fields)) };
    if (source === 'device') device.lastSeen = now;
    if (source === 'device' && type === 'status') device.deviceStatus = fields.status ?? null;
    if (isKept) {
      device.kept.push(event);
      // The newest message and the newest status stay whatever comes.
      const newest = [newestOf(device, 'message'), newestOf(device, 'status')];
      const surplus = device.kept.length - this.historyEvents;
      if (surplus > 0) {
        device.kept = device.kept.filter((one, index) => index >= surplus || newest.includes(one));
      }
    }
    return event;
  }

  #epoch(): string {
    this.#epochs += 1;
    return `k${this.#epochs}`;
  }
}

/** The device's own. */
export function newestOf(device: FakeDevice, type: Type): FakeEvent | undefined {
  return device.kept.findLast((event) => event.type === type && event.source === 'device');
}
