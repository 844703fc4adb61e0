/** A subscriber's side: keeps what is followed over reconnects, and tells what was missed. */
import {
  checkFollow,
  checkList,
  checkNumbers,
  type FollowOptions,
  isFilter,
  isName,
  webSocketUrl,
} from './checks.ts';
import {
  Connection,
  type ConnectionEvents,
  type ConnectionState,
  type ConnectOptions,
} from './connection.ts';
import { inChunks, merge, splitMalformed } from './device-lists.ts';
import { Emitter } from './emitter.ts';
import { TunnelError } from './errors.ts';
import { EventStream } from './event-stream.ts';
import { eventFromJson, eventsFromBinary } from './events.ts';
import { Follows, matches } from './follows.ts';
import type {
  Answer,
  Changed,
  DeviceEvent,
  DeviceState,
  Gap,
  HubFrame,
  ListedSubscription,
  Removal,
  Since,
  StatusNotice,
  Subscribed,
  Welcome,
} from './frames.ts';
import { isPage, watchPage } from './page.ts';
import { Position } from './position.ts';
import { type Fields, handled } from './requests.ts';
import { States } from './states.ts';
import { INACTIVE_TOO_LONG, Subprotocol } from './wire.ts';

/** The hub refuses a request while 16 others wait. */
const WINDOW_SIZE = 8;

/** `types`, `last` and `history` are those of every `subscribe` that does not say otherwise. */
export interface SubscriberOptions extends ConnectOptions, FollowOptions {
  /** Ids and filters to subscribe to from the start. Those that the hub refuses are told as `removed`. */
  readonly devices?: readonly string[];
  /** Each device's newest message and newest pong at most once in so many ms: 100 to 60 000. Default: every event. */
  readonly every?: number;
  /** true: events come in the binary encoding, which costs less to send. What they look like here is the same. */
  readonly binary?: boolean;
  /**
   * true: events that the hub sends together come in one frame, which costs a browser much less to receive. What they
   * look like here is the same. Default: true in a page, false elsewhere.
   */
  readonly batch?: boolean;
  /** true: pauses while the page that this runs in is hidden. */
  readonly pauseWhenHidden?: boolean;
}

export interface SubscriberEvents<Data = unknown> extends ConnectionEvents {
  event: DeviceEvent<Data>;
  gap: Gap;
  status: StatusNotice;
  removed: Removal;
  /** Snapshots: answers to `subscribe` and `resume`, those after each reconnect, and the devices of filters in pages. */
  subscribed: Subscribed;
  /** Ids whose entries of `state` have changed, once for all that came together. */
  change: readonly string[];
}

/**
 * Connects as a subscriber, and again whenever the connection is lost. Returns at once; what is asked for before
 * there is a connection waits for it.
 * @typeParam Data of the devices' messages
 * @throws TypeError when an option is not what it should be, or there is no WebSocket to use
 */
export function connectSubscriber<Data = unknown>(options: SubscriberOptions): Subscriber<Data> {
  return new Subscriber(options);
}

export class Subscriber<Data = unknown>
  extends Emitter<SubscriberEvents<Data>>
  implements AsyncIterable<DeviceEvent<Data>>
{
  readonly #connection: Connection;
  readonly #defaults: FollowOptions;
  readonly #follows = new Follows();
  /** By device, of those that are followed by id or have come with a filter. */
  readonly #positions = new Map<string, Position>();
  readonly #states = new States<Data>();
  /** Unsubscribed from, and the hub has not confirmed it. */
  readonly #leaving = new Set<string>();
  readonly #unwatchPage: () => void;
  /** Holes in the numbers are no sign of missing events. */
  #isSparse: boolean;
  #isHidden = false;
  /** Of the options, to be told as refused. */
  readonly #malformed: string[];

  /** Use `connectSubscriber`. */
  constructor(options: SubscriberOptions) {
    super();
    const { devices = [], types, last, history, every } = options;
    const url = webSocketUrl(options.url);
    // An address may be longer than a hub takes; frames may be many.
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
    this.#isSparse = every !== undefined;
    this.#malformed = names.filter((name) => !isName(name));
    this.#want(names, {});
    const query = { hold: 'true', ...((options.batch ?? isPage()) && { batch: 'true' }) };
    this.#connection = new Connection(options, {
      url,
      path: '/v1/subscribe',
      protocols: [options.binary ? Subprotocol.binary : Subprotocol.json],
      query: every === undefined ? query : { ...query, every: String(every) },
      sendBufferBytes: Number.POSITIVE_INFINITY, // what it asks for is small, and all of it is needed
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
        if (state.state === 'closed') this.#unwatchPage();
        this.emit('state', state);
      },
      failed: (error) => this.emit('error', error),
      probe: () => void this.list(),
    });
    this.#unwatchPage = options.pauseWhenHidden ? watchPage((hidden) => this.#setHidden(hidden)) : () => {};
  }

  get connection(): ConnectionState {
    return this.#connection.current;
  }

  /** What is known of each device that is followed, by id. It is brought up to date before listeners are called. */
  get state(): ReadonlyMap<string, DeviceState<Data>> {
    return this.#states.map;
  }

  /** Whether this id or filter is subscribed to, by this very name. */
  follows(name: string): boolean {
    return this.#follows.get(name) !== undefined;
  }

  /**
   * Subscribes, now and after every reconnect, until `unsubscribe` or the hub's `removed`. Devices that the hub
   * refuses are in the answer's `errors` and are not kept. The devices of filters come as `subscribed`, in pages.
   *
   * Rejects with TunnelError when there was no answer; the devices are kept, and subscribed to with the next
   * connection. A rejection that nobody waits for does no harm.
   * @param devices ids, and filters: a prefix and `*`, or `*` alone
   * @throws TypeError when it is no list, or an option is not what it should be
   */
  subscribe(devices: readonly string[], options: FollowOptions = {}): Promise<Subscribed> {
    checkList(devices);
    this.#want(devices, options);
    const filters = devices.filter((name) => isName(name) && isFilter(name));
    for (const [device, position] of this.#positions) {
      if (filters.some((filter) => matches(filter, device))) position.askedAnew();
    }
    for (const device of devices) this.#positions.get(device)?.askedAnew();
    return this.#follow(devices);
  }

  /**
   * Ends subscriptions. Rejects as `subscribe` does; the hub is told with the next connection.
   * @throws TypeError when it is no list
   */
  unsubscribe(devices: readonly string[]): Promise<Changed> {
    checkList(devices);
    for (const name of devices) {
      this.#follows.delete(name);
      if (isName(name)) this.#leaving.add(name);
    }
    this.#forgetUnfollowed();
    return this.#ask('unsubscribe', devices);
  }

  /**
   * Nothing is delivered until `resume`, and that is no gap.
   * @param devices ids and filters; default: all
   * @throws TypeError when it is no list
   */
  pause(devices?: readonly string[]): Promise<Changed> {
    if (devices !== undefined) checkList(devices);
    for (const name of devices ?? this.#follows.names()) {
      const follow = this.#follows.get(name);
      if (follow !== undefined) follow.isPaused = true;
      this.#positions.get(name)?.forget();
    }
    this.#expectNothingOf((names) => names.every((name) => this.#follows.get(name)?.isPaused));
    return this.#ask('pause', devices);
  }

  /**
   * Ends a pause; the answer has the devices as they are now.
   * @param devices ids and filters; default: all
   * @throws TypeError when it is no list
   */
  resume(devices: readonly string[] = this.#follows.names()): Promise<Subscribed> {
    checkList(devices);
    this.#want(devices);
    // Subscribing resumes, and works where the hub has meanwhile given up a pause that outlasted a long absence.
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

  /** Activity, for a hub that counts frames only (`DAT_SUBSCRIBER_ACTIVITY=frame`). Rejects with TunnelError. */
  touch(): Promise<void> {
    return this.#connection.requests.tell('{"op":"touch"}');
  }

  /**
   * Events from now on, to iterate over: `for await (const event of subscriber.events())`.
   * At most `limit` events, 1024 unless given, are held while the consumer is busy; beyond it the oldest is dropped and
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

  /** Says goodbye. Resolves when the connection is closed. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Notes what is to be followed. @param options undefined: as before */
  #want(names: readonly string[], options?: FollowOptions): void {
    if (options !== undefined) checkFollow(options);
    for (const name of names) {
      if (!isName(name)) continue;
      this.#leaving.delete(name);
      const before = options === undefined ? this.#follows.get(name)?.options : undefined;
      const wanted = before ?? { ...this.#defaults, ...options };
      this.#isSparse ||= wanted.types !== undefined;
      this.#follows.set(name, wanted);
      if (!isFilter(name)) this.#positionOf(name);
    }
  }

  #positionOf(device: string): Position {
    let position = this.#positions.get(device);
    if (position === undefined) {
      position = new Position();
      this.#positions.set(device, position);
    }
    return position;
  }

  #isWanted(name: string): boolean {
    return !this.#isHidden && this.#follows.get(name)?.isPaused === false;
  }

  #forgetDevice(device: string): void {
    this.#positions.delete(device);
    this.#states.delete(device);
  }

  /** Lets go of all that nothing follows any more. */
  #forgetUnfollowed(): void {
    for (const device of this.#positions.keys()) {
      if (this.#follows.of(device).length === 0) this.#forgetDevice(device);
    }
    this.#tellChanges();
  }

  /** Of devices that are followed only in ways that deliver nothing. */
  #expectNothingOf(deliversNothing: (names: readonly string[]) => boolean | undefined): void {
    for (const [device, position] of this.#positions) {
      if (deliversNothing(this.#follows.of(device))) position.forget();
    }
  }

  #tellChanges(): void {
    const changed = this.#states.takeChanged();
    if (changed.length > 0) this.emit('change', changed);
  }

  /** Asks in as many frames as it takes, and puts the answers together. */
  #ask(op: string, devices: readonly string[] | undefined): Promise<Changed> {
    const { requests } = this.#connection;
    const { names, refusals } = splitMalformed(devices ?? []);
    const frames =
      devices === undefined ? [{ op }] : inChunks(names).map((chunk) => ({ op, devices: chunk }));
    const asked = Promise.all(frames.map((frame) => requests.ask(frame)));
    return handled(asked.then((pages) => merge(pages.flat(), refusals)));
  }

  /**
   * Subscribes, with the options of each, in as many frames as it takes.
   * @param since where to go on from, of what was followed on an earlier connection
   */
  #follow(devices: readonly string[], since?: Map<string, Since>): Promise<Subscribed> {
    const { names, refusals } = splitMalformed(devices);
    const groups: { [options: string]: string[] } = {};
    for (const name of names) {
      const key = isFilter(name) + JSON.stringify(this.#follows.get(name)?.options);
      groups[key] ??= [];
      groups[key].push(name);
    }
    const asked = Object.values(groups).flatMap((group) =>
      inChunks(group, since).map((chunk) => this.#askToFollow(chunk, since)),
    );
    const answered = Promise.all(asked).then((pages) => merge(pages.flat(), refusals));
    return handled(answered as Promise<unknown>) as Promise<Subscribed>;
  }

  /** @param since what of it is sent is taken out: a device must be given once */
  #askToFollow(chunk: readonly string[], since?: Map<string, Since>): Promise<readonly Answer[]> {
    const { requests } = this.#connection;
    const frame = { op: 'subscribe', devices: chunk, ...this.#follows.get(chunk[0]!)?.options };
    if (since === undefined) return requests.ask(frame);
    const takes = (device: string): boolean => chunk.some((name) => matches(name, device));
    const known = isFilter(chunk[0]!) ? [...since.keys()].filter(takes) : chunk.filter((id) => since.has(id));
    const parts = inChunks(known, since).map((part) =>
      Object.fromEntries(part.map((device) => [device, since.get(device)])),
    );
    for (const device of known) since.delete(device);
    const own = parts.pop();
    for (const part of parts) void requests.tell(JSON.stringify({ op: 'since', since: part }), false);
    return requests.ask(own === undefined ? frame : { ...frame, since: own }, false);
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
        this.#positions.get(frame.device)?.told(frame);
        this.emit('gap', frame);
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
        this.#forgetRemoved(frame);
        this.emit('removed', frame);
    }
  }

  #deliver(event: DeviceEvent<Data>): void {
    const position = this.#positions.get(event.device);
    if (!event.replay) position?.live(event.seq, this.#isSparse);
    else if (position?.replayed(event.seq) === false) return;
    this.#states.event(event, event.source === 'device' && position?.noteNewest(event) === true);
    this.emit('event', event);
  }

  #readSnapshots(frame: HubFrame & { readonly op: 'subscribed' }): void {
    const { id, devices, filters = [], errors = [], filter, more } = frame;
    const strays: string[] = [];
    for (const snapshot of devices) {
      const { device, status } = snapshot;
      if (this.#follows.of(device).length === 0) {
        if (id !== undefined && !this.#leaving.has(device)) strays.push(device);
        continue;
      }
      const position = this.#positionOf(device);
      for (const range of position.snapshot(snapshot))
        this.emit('gap', { device, ...range, reason: 'reconnect' });
      if (status === 'inactive') position.forget();
      this.#states.snapshot(snapshot);
    }
    for (const refusal of errors) {
      this.#follows.delete(refusal.device);
      if (this.#follows.of(refusal.device).length === 0) this.#forgetDevice(refusal.device);
    }
    const answered = [...devices.map(({ device }) => device), ...filters.map((match) => match.filter)];
    if (id !== undefined) {
      for (const name of answered) {
        const follow = this.#follows.get(name);
        if (follow !== undefined) follow.isKnown = true;
      }
      // Given up while the hub refused it for its rate, and subscribed to after all.
      void this.#ask('unsubscribe', strays);
      // Asked for while the page was shown or hidden, active now: behind a hidden page it is not to be.
      if (this.#isHidden) void this.#ask('pause', answered);
    }
    this.emit('subscribed', { devices, filters, errors, filter, more });
  }

  /** What an operator paused must stay so over a reconnect, and what an operator woke too. */
  #readStatus(notice: StatusNotice): void {
    const isActive = notice.status === 'active';
    for (const name of namesOf(notice)) {
      const follow = this.#follows.get(name);
      if (follow !== undefined && (isActive || notice.reason === 'paused')) follow.isPaused = !isActive;
      if (!isActive) this.#positions.get(name)?.forget();
    }
    const { filters = [] } = notice;
    if (!isActive && filters.length > 0) {
      this.#expectNothingOf((names) => names.every((name) => filters.includes(name)));
    }
    this.emit('status', notice);
  }

  #forgetRemoved(removal: Removal): void {
    // Behind a hidden page silence is no wonder: what it cost is subscribed to again when the page is back.
    if (removal.code === INACTIVE_TOO_LONG && this.#isHidden) return;
    for (const name of namesOf(removal)) {
      this.#follows.delete(name);
      this.#forgetDevice(name);
    }
    if (removal.filters !== undefined) this.#forgetUnfollowed();
  }

  /** Brings the hub to what is wanted, on a new connection. */
  #restoreAll(welcome: Welcome, waiting: readonly Fields[]): void {
    const { resumed, resumedFilters, held } = welcome;
    for (const position of this.#positions.values()) position.reconnected();
    this.#expectNothingOf((names) => !names.some((name) => this.#isWanted(name)));
    const since = new Map<string, Since>();
    for (const [device, position] of held ? this.#positions : []) {
      if (position.since !== undefined) since.set(device, position.since);
    }
    const asked = new Set(waiting.flatMap((frame) => frame.devices ?? []));
    const isToRestore = (name: string): boolean =>
      this.#isWanted(name) && (this.#follows.get(name)?.isKnown || !asked.has(name));
    // Those in `resumed` may be active already: asking again changes nothing, and is answered with their snapshots.
    // What was answered before and is asked for anew is restored first, so that it is recovered.
    const names = this.#follows.names().filter(isToRestore);
    this.#restore([...names, ...this.#malformed.splice(0)], since);
    this.#takeOver(namesOf({ devices: resumed, filters: resumedFilters }), asked);
    void this.#ask(
      'unsubscribe',
      [...this.#leaving].filter((name) => !asked.has(name)),
    );
  }

  /**
   * Of what the hub had kept. What this client never heard of is from an earlier life of the same id: it is followed;
   * what is not to be delivered is paused.
   * @param asked what is being asked for anyway
   */
  #takeOver(names: readonly string[], asked: ReadonlySet<string> = new Set()): void {
    const isOurs = (name: string): boolean => !this.#leaving.has(name);
    const unheardOf = names.filter((name) => isOurs(name) && !this.follows(name));
    this.#want(unheardOf, {});
    this.#restore(unheardOf.filter((name) => this.#isWanted(name)));
    void this.#ask(
      'pause',
      names.filter((name) => isOurs(name) && !this.#isWanted(name) && !asked.has(name)),
    );
  }

  /** Subscribes without being asked to. What is refused now was taken from the application: it is told so. */
  #restore(names: readonly string[], since = new Map<string, Since>()): void {
    const told = ({ errors }: Subscribed): void => {
      for (const { device, code, message } of errors) {
        this.emit('removed', { devices: [device], code, reason: message });
      }
    };
    const failed = (error: unknown): void => {
      const isLost =
        error instanceof TunnelError && (error.code === 'disconnected' || error.code === 'closed');
      if (!isLost) this.emit('error', error as TunnelError); // else the next connection restores
    };
    this.#follow(names, since).then(told, failed);
  }

  #setHidden(isHidden: boolean): void {
    const active = this.#follows.names().filter((name) => this.#follows.get(name)?.isPaused === false);
    this.#isHidden = isHidden;
    if (this.#connection.current.state !== 'connected') return; // the next welcome finds it so
    if (isHidden) {
      this.#expectNothingOf(() => true);
      void this.#ask('pause', active);
    } else this.#restore(active);
  }
}

/** Ids and filters. */
function namesOf({
  devices = [],
  filters = [],
}: {
  readonly devices?: readonly unknown[] | undefined;
  readonly filters?: readonly unknown[] | undefined;
}): string[] {
  return [...devices, ...filters] as string[];
}
