/** A load: who sends how much, and who follows whom. The processes of a run derive the rest from it. */

export interface Load {
  readonly devices: number;
  /** Events per second of each device. */
  readonly rate: number;
  /** The events of so many ms are all due at once, at the start of that time. Absent: each has a time of its own. */
  readonly burstMs?: number;
  readonly subscribers: number;
  /** Devices that each subscriber follows: a window over all devices, shifted from one subscriber to the next. */
  readonly following: number;
  /** Of the subscribers, how many are vip: spread over all of them. Only peers that know vips play it so. */
  readonly vips?: number;
  /** Payload, bytes of JSON. Default: `EVENT_BYTES`. */
  readonly bytes?: number;
  /** Start of all ids. */
  readonly prefix?: string;
  /** Instead of ids that are made up. */
  readonly ids?: { readonly devices: readonly string[]; readonly subscribers: readonly string[] };
  /** What each subscriber subscribes to instead of naming the devices; it must match exactly those it follows. */
  readonly filter?: string;
  /** Added to the subscribers' URL, without `?`. */
  readonly query?: string;
}

/** A process plays every `of`th device or subscriber, from `index` on. */
export interface LoadShare {
  readonly index: number;
  readonly of: number;
}

export const WHOLE: LoadShare = { index: 0, of: 1 };

export const EVENT_BYTES = 128;

type Names = Pick<Load, 'ids' | 'prefix'>;

/** The id of a load's device. @param device its number, from 0 */
export function deviceId(device: number, { ids, prefix = '' }: Names = {}): string {
  return ids?.devices[device] ?? `${prefix}dev-${device}`;
}

/** The id of a load's subscriber. @param subscriber its number, from 0 */
export function subscriberId(subscriber: number, { ids, prefix = '' }: Names = {}): string {
  return ids?.subscribers[subscriber] ?? `${prefix}sub-${subscriber}`;
}

/** The first device of the window that a subscriber follows; the window wraps. */
export function firstFollowed({ devices, subscribers }: Load, subscriber: number): number {
  return Math.floor((subscriber * devices) / subscribers) % devices;
}

/** Numbers of the devices that a subscriber follows. */
export function followedDevices(load: Load, subscriber: number): number[] {
  const first = firstFollowed(load, subscriber);
  return Array.from({ length: load.following }, (_, n) => (first + n) % load.devices);
}

/** Whether this subscriber is one of the vips, who are spread evenly. @param subscriber its number, from 0 */
export function isVip({ vips = 0, subscribers }: Load, subscriber: number): boolean {
  return Math.floor(((subscriber + 1) * vips) / subscribers) > Math.floor((subscriber * vips) / subscribers);
}

/** Subscribers of each device. */
export function audiences(load: Load): Uint32Array {
  const counts = new Uint32Array(load.devices);
  for (let subscriber = 0; subscriber < load.subscribers; subscriber++)
    for (const device of followedDevices(load, subscriber)) counts[device]! += 1;
  return counts;
}

/** The numbers below `count` that are a process's own. */
export function own(count: number, { index, of }: LoadShare): number[] {
  return Array.from({ length: Math.ceil((count - index) / of) }, (_, n) => index + n * of);
}

/**
 * When events are due: the devices of all processes take turns, so that the events of a second are spread over it.
 * @param own the devices that this process plays
 * @returns µs from the start to the event of this process's own `n`th turn
 */
export function dueTimes(
  { devices, rate, burstMs = 0 }: Pick<Load, 'devices' | 'rate' | 'burstMs'>,
  own: readonly number[],
): (n: number) => number {
  const spacingUs = 1e6 / (devices * rate);
  const burstUs = burstMs * 1e3;
  return (n) => {
    const us = (Math.floor(n / own.length) * devices + own[n % own.length]!) * spacingUs;
    return burstUs > 0 ? Math.floor(us / burstUs) * burstUs : us;
  };
}
