/** A subscriber: follows the same devices across reconnects, recovers missed events, and reports those it cannot. */
import { ask, askToFollow } from './asking.ts';
import { checkFollow, checkList, checkNumbers, type FollowOptions, isName, webSocketUrl } from './checks.ts';
import { Connection, type ConnectionState } from './connection.ts';
import { merge, namesOf } from './device-lists.ts';
import { Emitter } from './emitter.ts';
import type { TunnelError } from './errors.ts';
import { EventStream } from './event-stream.ts';
import { eventFromJson, eventsFromBinary } from './events.ts';
import { Followed } from './followed.ts';
import type {
  Changed,
  DeviceEvent,
  DeviceState,
  HubFrame,
  ListedSubscription,
  Removal,
  Since,
  StatusNotice,
  Subscribed,
  Welcome,
} from './frames.ts';
import { isPage, watchPage } from './page.ts';
import { type Fields, handled } from './requests.ts';
import type { SubscriberEvents, SubscriberOptions } from './subscriber-options.ts';
import { INACTIVE_TOO_LONG, Subprotocol } from './wire.ts';

/** The hub refuses a request while 16 others wait. */
const WINDOW_SIZE = 8;

/**
 * Connects as a subscriber, and reconnects whenever the connection is lost. Returns at once; requests that are made
 * before there is a connection wait for it.
 * @typeParam Data type of the devices' messages
 * @throws TypeError when an option is wrong, or there is no WebSocket to use
 */
export function connectSubscriber<Data = unknown>(options: SubscriberOptions): Subscriber<Data> {
  return new Subscriber(options);
}

/**
 * Follows devices, over any number of WebSockets. Iterate over it for its events. Created by `connectSubscriber`.
 * @typeParam Data type of the devices' messages
 */
export class Subscriber<Data = unknown>
  extends Emitter<SubscriberEvents<Data>>
  implements AsyncIterable<DeviceEvent<Data>>
{
  readonly #connection: Connection;
  readonly #defaults: FollowOptions;
  readonly #followed = new Followed<Data>();
  /** Unsubscribed from, and not yet confirmed by the hub. */
  readonly #leaving = new Set<string>();
  /** Malformed names of the options, to be reported as refused. */
  readonly #malformed: string[];
  readonly #unwatchPage: (() => void) | undefined;

  /** Use `connectSubscriber`. */
  constructor(options: SubscriberOptions) {
    super();
    const { devices = [], types, last, history, every } = options;
    const url = webSocketUrl(options.url);
    // The hub limits the length of a URL, but not the number of frames.
    const take = (name: string): string[] => {
      const values = url.searchParams.getAll(name).flatMap((list) => list.split(','));
      url.searchParams.delete(name);
      return values;
    };
    checkList(devices);
    checkNumbers({ every }, 100, 60_000);
    const names = [...take('devices'), ...devices];
    const typesOfUrl = take('types') as FollowOptions['types'] & {};
    this.#defaults = { types: typesOfUrl.length > 0 ? typesOfUrl : types, last, history };
    checkFollow(this.#defaults);
    this.#malformed = names.filter((name) => !isName(name));
    this.#want(names, {});
    this.#followed.isSparse ||= every !== undefined;
    const query = { hold: 'true', ...((options.batch ?? isPage()) && { batch: 'true' }) };
    // All of its requests are needed, and there are few at a time.
    const sendBufferBytes = Number.POSITIVE_INFINITY;
    this.#connection = new Connection(
      { sendBufferBytes, ...options },
      {
        url,
        path: '/v1/subscribe',
        protocols: [options.binary ? Subprotocol.binary : Subprotocol.json],
        query: every === undefined ? query : { ...query, every: String(Math.round(every)) },
        windowSize: WINDOW_SIZE,
        welcomed: (frame, waiting) => this.#restoreAll(frame, waiting),
        received: (frame) => {
          this.#receive(frame);
          this.#tellChanges();
        },
        receivedBinary: (frame) => {
          for (const event of eventsFromBinary<Data>(frame)) this.#deliver(event);
          this.#tellChanges();
        },
        changed: (state) => {
          if (state.state === 'closed') this.#unwatchPage?.();
          this.emit('state', state);
        },
        failed: (error) => this.emit('error', error),
        probe: () => void this.list(),
      },
    );
    this.#unwatchPage = options.pauseWhenHidden ? watchPage((hidden) => this.#setHidden(hidden)) : undefined;
  }

  /** The current state of the connection; `state` events report changes. */
  get connection(): ConnectionState {
    return this.#connection.current;
  }

  /** What is known about each followed device, by id. It is up to date when listeners are called. */
  get state(): ReadonlyMap<string, DeviceState<Data>> {
    return this.#followed.states.map;
  }

  /** Whether exactly this id or filter is subscribed to. */
  follows(name: string): boolean {
    return this.#followed.get(name) !== undefined;
  }

  /**
   * Subscribes, now and after every reconnect, until `unsubscribe` or the hub's `removed`. Refused names are in the
   * answer's `errors` and are not kept. The devices of filters follow as `subscribed` events, in pages.
   *
   * Rejects with TunnelError when there is no answer; the client keeps the names and subscribes on the next connection.
   * You may ignore the rejection.
   * @param devices ids, and filters: a prefix followed by `*`, or `*` alone
   * @throws TypeError when it is not a list, or an option is wrong
   */
  subscribe(devices: readonly string[], options: FollowOptions = {}): Promise<Subscribed> {
    checkList(devices);
    this.#want(devices, options);
    this.#followed.askedAnew(devices);
    return this.#follow(devices);
  }

  /**
   * Ends subscriptions. Rejects like `subscribe`; then the client tells the hub on the next connection.
   * @throws TypeError when it is not a list
   */
  unsubscribe(devices: readonly string[]): Promise<Changed> {
    checkList(devices);
    for (const name of devices) {
      this.#followed.delete(name);
      if (isName(name)) this.#leaving.add(name);
    }
    this.#followed.prune();
    this.#tellChanges();
    return this.#ask('unsubscribe', devices);
  }

  /**
   * Stops delivery until `resume`. Events that are sent meanwhile are not in a gap.
   * @param devices ids and filters; default: all
   * @throws TypeError when it is not a list
   */
  pause(devices?: readonly string[]): Promise<Changed> {
    checkList(devices ?? []);
    for (const name of devices ?? this.#followed.names()) {
      const follow = this.#followed.get(name);
      if (follow !== undefined) follow.isPaused = true;
      this.#followed.expectNothing(name);
    }
    this.#followed.expectOnlyWanted();
    return this.#ask('pause', devices);
  }

  /**
   * Ends a pause; the answer has the current state of the devices.
   * @param devices ids and filters; default: all
   * @throws TypeError when it is not a list
   */
  resume(devices: readonly string[] = this.#followed.names()): Promise<Subscribed> {
    checkList(devices);
    this.#want(devices);
    // `subscribe` ends a pause too, and also works when the hub has removed the subscription in a long pause.
    return this.#follow(devices);
  }

  /** The subscriptions as the hub has them. Rejects with TunnelError. */
  list(): Promise<readonly ListedSubscription[]> {
    const asked = this.#connection.requests.ask({ op: 'list' }).then((pages) => {
      const all = merge(pages) as unknown as {
        readonly devices: readonly ListedSubscription[];
        readonly filters: readonly { readonly filter: string; readonly status: 'active' | 'inactive' }[];
      };
      return [...all.devices, ...all.filters.map(({ filter, status }) => ({ device: filter, status }))];
    });
    return handled(asked);
  }

  /** Counts as activity, for a hub with `DAT_SUBSCRIBER_ACTIVITY=frame`. Rejects with TunnelError. */
  touch(): Promise<void> {
    return this.#connection.requests.tell('{"op":"touch"}');
  }

  /**
   * Events from now on, to iterate over: `for await (const event of subscriber.events())`.
   * Holds at most `limit` events, by default 1024, while the consumer is busy. Beyond that the oldest is dropped and
   * counted in `dropped`.
   */
  events({ limit = 1024 }: { readonly limit?: number } = {}): EventStream<DeviceEvent<Data>> {
    return new EventStream(limit, (push, end) => {
      const { current } = this.#connection;
      if (current.state === 'closed') queueMicrotask(() => end(current.error));
      const leaveEvents = this.on('event', push);
      const leaveState = this.on('state', (state) => {
        if (state.state === 'closed') end(state.error);
      });
      return () => {
        leaveEvents();
        leaveState();
      };
    });
  }

  [Symbol.asyncIterator](): EventStream<DeviceEvent<Data>> {
    return this.events();
  }

  /** Closes cleanly. Resolves when the connection is closed. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Notes what to follow. @param options undefined: keep the names' current options */
  #want(names: readonly string[], options?: FollowOptions): void {
    checkFollow(options ?? {});
    for (const name of names.filter(isName)) {
      this.#leaving.delete(name);
      const before = options === undefined ? this.#followed.get(name)?.options : undefined;
      this.#followed.set(name, before ?? { ...this.#defaults, ...options });
    }
  }

  #tellChanges(): void {
    const changed = this.#followed.states.takeChanged();
    if (changed.length > 0) this.emit('change', changed);
  }

  #ask(op: string, devices: readonly string[] | undefined): Promise<Changed> {
    return ask(this.#connection.requests, op, devices);
  }

  /** @param since where to go on from, after a reconnect */
  #follow(devices: readonly string[], since?: Map<string, Since>): Promise<Subscribed> {
    const { requests } = this.#connection;
    return askToFollow(requests, devices, (name) => this.#followed.get(name)?.options, since);
  }

  #receive(frame: HubFrame): void {
    switch (frame.op) {
      case 'event':
        this.#deliver(eventFromJson(frame));
        break;
      case 'batch':
        for (const event of frame.events) this.#deliver(eventFromJson(event));
        break;
      case 'gap':
        for (const range of this.#followed.gap(frame.device, frame)) this.emit('gap', { ...frame, ...range });
        break;
      case 'subscribed':
        this.#readSnapshots(frame);
        break;
      case 'unsubscribed':
        for (const name of namesOf(frame)) this.#leaving.delete(name);
        for (const { device } of frame.errors ?? []) this.#leaving.delete(device);
        break;
      case 'resumed':
        this.#takeOver(namesOf(frame));
        break;
      case 'status':
        this.#readStatus(frame);
        break;
      case 'removed':
        this.#readRemoval(frame);
    }
  }

  #deliver(event: DeviceEvent<Data>): void {
    if (this.#followed.event(event)) this.emit('event', event);
  }

  #readSnapshots(frame: HubFrame & { readonly op: 'subscribed' }): void {
    const { id, devices, filters = [], errors = [], filter, more } = frame;
    const strays: string[] = [];
    for (const snapshot of devices) {
      const { device } = snapshot;
      const missed = this.#followed.snapshot(snapshot);
      if (missed === undefined && !this.#leaving.has(device)) strays.push(device);
      for (const range of missed ?? []) this.emit('gap', { device, ...range, reason: 'reconnect' });
    }
    for (const refusal of errors) this.#followed.delete(refusal.device);
    if (errors.length > 0) this.#followed.prune();
    if (filter !== undefined && !more) this.#followed.allNamed(filter);
    if (id !== undefined) {
      const answered = [...devices.map(({ device }) => device), ...filters.map((match) => match.filter)];
      for (const name of answered) {
        const follow = this.#followed.get(name);
        if (follow !== undefined) follow.isKnown = true;
      }
      // The application unsubscribed while this request waited to be sent again.
      void this.#ask('unsubscribe', strays);
      // The page was hidden while this request was on its way.
      if (this.#followed.isHidden) void this.#ask('pause', answered);
    }
    this.emit('subscribed', { devices, filters, errors, filter, more });
  }

  /** An operator's pause survives a reconnect, and so does an operator's resume. */
  #readStatus(notice: StatusNotice): void {
    const isActive = notice.status === 'active';
    for (const name of namesOf(notice)) {
      const follow = this.#followed.get(name);
      if (follow !== undefined && (isActive || notice.reason === 'paused')) follow.isPaused = !isActive;
      if (!isActive) this.#followed.expectNothing(name);
    }
    // Their devices may have changed meanwhile. The hub sends the devices of filters by itself.
    if (isActive) void this.#ask('resume', notice.devices);
    this.emit('status', notice);
  }

  #readRemoval(removal: Removal): void {
    // A hidden page is silent by design: it subscribes again when it is shown.
    if (removal.code !== INACTIVE_TOO_LONG || !this.#followed.isHidden) {
      for (const name of namesOf(removal)) {
        this.#followed.delete(name);
        this.#followed.forget(name);
      }
      if (removal.filters !== undefined) this.#followed.prune();
    }
    this.emit('removed', removal);
  }

  /** Restores the wanted subscriptions on a new connection. @param waiting requests that are about to be sent */
  #restoreAll({ resumed, resumedFilters, held }: Welcome, waiting: readonly Fields[]): void {
    const resumedNames = namesOf({ devices: resumed, filters: resumedFilters });
    const since = this.#followed.reconnected();
    const asked = new Set(waiting.flatMap((frame) => frame.devices ?? []));
    // A name that the hub has confirmed before is restored even if it is asked for again, so that it is recovered.
    // Subscribing again to resumed names changes nothing and brings the snapshots.
    const names = this.#followed
      .names()
      .filter(
        (name) => this.#followed.isWanted(name) && (this.#followed.get(name)?.isKnown || !asked.has(name)),
      );
    // The hub refuses to recover active subscriptions. Those that it removed in a long absence can be recovered.
    const isRecoverable = held || resumedNames.length === 0;
    this.#restore([...names, ...this.#malformed.splice(0)], isRecoverable ? since : undefined);
    this.#takeOver(resumedNames, asked);
    void this.#ask(
      'unsubscribe',
      [...this.#leaving].filter((name) => !asked.has(name)),
    );
  }

  /**
   * Takes over the subscriptions that the hub had kept: follows names from an earlier connection with the same id, and
   * pauses those that are not wanted now.
   * @param asked names that requests are about to be sent for
   */
  #takeOver(names: readonly string[], asked: ReadonlySet<string> = new Set()): void {
    const ours = names.filter((name) => !this.#leaving.has(name));
    const fresh = ours.filter((name) => !this.follows(name));
    this.#want(fresh, {});
    this.#restore(fresh.filter((name) => this.#followed.isWanted(name)));
    void this.#ask(
      'pause',
      ours.filter((name) => !this.#followed.isWanted(name) && !asked.has(name)),
    );
  }

  /** Subscribes on the client's own initiative, so a refusal is reported as `removed`. */
  #restore(names: readonly string[], since = new Map<string, Since>()): void {
    const told = ({ errors }: Subscribed): void => {
      for (const { device, code, message } of errors) {
        this.emit('removed', { devices: [device], code, reason: message });
      }
    };
    const failed = (error: TunnelError): void => {
      const isLost = error.code === 'disconnected' || error.code === 'closed';
      if (!isLost) this.emit('error', error); // else the next connection restores
    };
    this.#follow(names, since).then(told, failed);
  }

  #setHidden(isHidden: boolean): void {
    const followed = this.#followed;
    const active = followed.names().filter((name) => followed.get(name)?.isPaused === false);
    followed.isHidden = isHidden;
    if (this.#connection.current.state !== 'connected') return; // the next welcome brings it about
    if (isHidden) {
      followed.expectOnlyWanted();
      void this.#ask('pause', active);
    } else this.#restore(active);
  }
}
