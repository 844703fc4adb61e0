/**
 * Translates what an MQTT client wants to follow into the hub's requests: one for each set of event types and each
 * thousand names, one after the other. A SUBSCRIBE is answered when the last page of its filters has come; then
 * retained events are sent.
 */
import { splitNames } from '../../access/pattern.ts';
import { errors } from '../../codes.ts';
import { SUBSCRIBE_DEVICES_MAX } from '../../limits.ts';
import type { Entry, RefusedDevice } from '../../records/replies.ts';
import { ALL_TYPES } from '../../wire/events.ts';
import { refusals } from '../../wire/hub-frames.ts';
import type { FollowedName } from '../../wire/mqtt/host.ts';
import { Kind } from '../../wire/mqtt/templates.ts';
import { NO_PAST } from '../../wire/subscriber-ops.ts';
import type { Ask } from '../deliver/request-queue.ts';
import { FollowedDevices } from '../deliver/retained.ts';

/** Of what the history keeps the newest. */
const KEPT_KINDS = Kind.message | Kind.status;

/** The client that asks. */
export interface Follower {
  /** Asks the owner. */
  request(ask: Ask): void;
  /** These devices are followed now: `sendHeld` will send their retained events. */
  holdRetained(devices: FollowedDevices): void;
  /** An answer has gone out: sends what was held. */
  sendHeld(): void;
  /** Sends what the devices have. */
  sendRetained(devices: FollowedDevices): void;
  /** Sends that the device is no more. */
  sendTerminated(device: string): void;
  /** @returns whether the client is subscribed to what the hub says of the device */
  wantsPresence(device: string): boolean;
}

/** A SUBSCRIBE, or an UNSUBSCRIBE, under way. */
interface Work {
  /** The first is under way. */
  readonly asks: Ask[];
  readonly retainedOf: ReadonlyMap<string, number>;
  /** By name. */
  readonly errors: Map<string, number>;
  /** Filters of the request under way that were granted and whose devices are still to come. */
  readonly pages: Set<string>;
  readonly done: (errors: ReadonlyMap<string, number>) => void;
}

export class MqttFollows {
  readonly #follower: Follower;
  #work: Work | undefined;

  constructor(follower: Follower) {
    this.#follower = follower;
  }

  /**
   * @param denied names that are refused without asking
   * @param answer told an error for each follow, 0 for none
   */
  subscribe(
    follows: readonly FollowedName[],
    denied: ReadonlySet<string>,
    answer: (errors: readonly number[]) => void,
  ): void {
    const byKinds = new Map<number, string[]>();
    for (const { name, kinds } of follows) {
      if (denied.has(name)) continue;
      const names = byKinds.get(kinds);
      if (names === undefined) byKinds.set(kinds, [name]);
      else names.push(name);
    }
    const found = new Map([...denied].map((name) => [name, errors.denied.code as number]));
    const retainedOf = new Map(follows.map(({ name, retained }) => [name, retained]));
    const wantsKept = (name: string): boolean => ((retainedOf.get(name) ?? 0) & KEPT_KINDS) !== 0;
    const asks = [...byKinds].flatMap(([kinds, all]) =>
      inRequests(all).map((names) => ({
        ...askOf('subscribe', names, kinds),
        wantsKept: names.some(wantsKept),
      })),
    );
    this.#start(asks, retainedOf, found, (all) => answer(follows.map(({ name }) => all.get(name) ?? 0)));
  }

  unsubscribe(names: readonly string[], answer: () => void): void {
    const asks = inRequests(names).map((some) => askOf('unsubscribe', some, ALL_TYPES));
    this.#start(asks, new Map(), new Map(), answer);
  }

  /** The request under way is refused as a whole. */
  failed(code: number): void {
    const work = this.#work;
    if (work === undefined) return;
    const ask = work.asks[0]!;
    for (const name of [...ask.named!.devices, ...ask.named!.filters]) work.errors.set(name, code);
    this.#advance(work);
  }

  /** The owner has answered the request under way. */
  answered(entries: readonly Entry[], refused: readonly RefusedDevice[], more: boolean): void {
    const work = this.#work;
    if (work === undefined) return;
    const ask = work.asks[0]!;
    for (const { device, why } of refused) work.errors.set(device, refusals[why].code);
    this.#hold(work, entries, ({ device }) => device);
    if (more) return;
    const granted = ask.named!.filters.filter((filter) => !work.errors.has(filter));
    if (ask.op === 'subscribe') for (const filter of granted) work.pages.add(filter);
    if (work.pages.size === 0) this.#advance(work);
  }

  /** Devices of a filter have come. */
  page(filter: string, entries: readonly Entry[], more: boolean): void {
    const work = this.#work;
    if (work === undefined || !work.pages.has(filter)) return; // of a device that has just appeared
    this.#hold(work, entries, () => filter);
    if (more) return;
    work.pages.delete(filter);
    if (work.pages.size === 0) this.#advance(work);
  }

  /** The state of devices of other nodes has changed, without an event. */
  told(entries: readonly Entry[]): void {
    const devices = new FollowedDevices();
    for (const entry of entries)
      if (this.#follower.wantsPresence(entry.device)) devices.add(entry, Kind.presence);
    if (devices.cells.length > 0) this.#follower.sendRetained(devices);
  }

  /** Devices have been terminated, together with the subscriptions to them. */
  terminated(devices: readonly string[]): void {
    for (const device of devices)
      if (this.#follower.wantsPresence(device)) this.#follower.sendTerminated(device);
  }

  /** The owner that was to send pages is gone; what is still to come comes unasked. */
  pagesLost(): void {
    const work = this.#work;
    if (work === undefined || work.pages.size === 0) return; // a request without an answer is asked again
    work.pages.clear();
    this.#advance(work);
  }

  #start(
    asks: Ask[],
    retainedOf: ReadonlyMap<string, number>,
    found: Map<string, number>,
    done: Work['done'],
  ): void {
    const work: Work = { asks, retainedOf, errors: found, pages: new Set(), done };
    this.#work = work;
    if (asks[0] === undefined) this.#finish(work);
    else this.#follower.request(asks[0]);
  }

  /** The request under way is done with. */
  #advance(work: Work): void {
    work.asks.shift();
    if (work.asks[0] === undefined) this.#finish(work);
    else this.#follower.request(work.asks[0]);
  }

  #finish(work: Work): void {
    this.#work = undefined;
    work.done(work.errors);
    this.#follower.sendHeld();
  }

  /**
   * Notes page by page what to send, because there may be a hundred thousand devices.
   * @param nameOf by what name the client follows the entry's device
   */
  #hold({ retainedOf }: Work, entries: readonly Entry[], nameOf: (entry: Entry) => string): void {
    const devices = new FollowedDevices();
    for (const entry of entries) {
      const retained = retainedOf.get(nameOf(entry)) ?? 0;
      if (retained !== 0) devices.add(entry, retained);
    }
    if (devices.cells.length > 0) this.#follower.holdRetained(devices);
  }
}

/** A topic filter may stand for several names, and a packet have any number of topic filters: a request may not. */
function inRequests(names: readonly string[]): readonly (readonly string[])[] {
  const requests: (readonly string[])[] = [];
  for (let at = 0; at < names.length; at += SUBSCRIBE_DEVICES_MAX)
    requests.push(names.slice(at, at + SUBSCRIBE_DEVICES_MAX));
  return requests;
}

function askOf(op: Ask['op'], names: readonly string[], types: number): Ask {
  return { op, id: '', named: { ...splitNames(names), malformed: [] }, types, past: NO_PAST };
}
