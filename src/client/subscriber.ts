/** A subscriber's side: keeps what is subscribed to over reconnects, and tells what was missed. */
import { removals } from '../codes.ts';
import { Subprotocol } from '../wire/events.ts';
import {
  Connection,
  type ConnectionEvents,
  type ConnectionState,
  type ConnectOptions,
} from './connection.ts';
import { inChunks, merge } from './device-lists.ts';
import { Emitter } from './emitter.ts';
import { TunnelError } from './errors.ts';
import { EventStream } from './event-stream.ts';
import { eventFromJson, eventsFromBinary } from './events.ts';
import type {
  Changed,
  DeviceEvent,
  Gap,
  HubFrame,
  ListedSubscription,
  Removal,
  StatusNotice,
  Subscribed,
  Welcome,
} from './frames.ts';
import { isPage, watchPage } from './page.ts';
import { handled } from './requests.ts';
import { Subscription } from './subscription.ts';

export interface SubscriberOptions extends ConnectOptions {
  /**
   * 1 to 128 of `A-Z a-z 0-9 . _ : ~ -`. May be left out: the hub generates one, which is kept for reconnects, or a
   * token names the subscriber.
   */
  readonly id?: string;
  /** Subscribed to from the start. Those that the hub refuses are told as `removed`. */
  readonly devices?: readonly string[];
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

export interface SubscriberEvents extends ConnectionEvents {
  event: DeviceEvent;
  gap: Gap;
  status: StatusNotice;
  removed: Removal;
  /** An answer with snapshots: to `subscribe` and `resume`, and after each reconnect. */
  subscribed: Subscribed;
}

/**
 * Connects as a subscriber, and again whenever the connection is lost. Returns at once; what is asked for before
 * there is a connection waits for it.
 * @throws TypeError when `url` is no URL, or there is no WebSocket to use
 */
export function connectSubscriber(options: SubscriberOptions): Subscriber {
  return new Subscriber(options);
}

export class Subscriber extends Emitter<SubscriberEvents> implements AsyncIterable<DeviceEvent> {
  readonly #connection: Connection;
  readonly #subscriptions = new Map<string, Subscription>();
  /** Unsubscribed from, and the hub has not confirmed it. */
  readonly #leaving = new Set<string>();
  readonly #unwatchPage: () => void;
  #isHidden = false;

  /** Use `connectSubscriber`. */
  constructor(options: SubscriberOptions) {
    super();
    for (const device of options.devices ?? []) this.#subscriptions.set(device, new Subscription());
    this.#connection = new Connection(options, {
      path: '/v1/subscribe',
      id: options.id,
      protocols: [options.binary ? Subprotocol.binary : Subprotocol.json],
      query: (options.batch ?? isPage()) ? { batch: 'true' } : {},
      sendBufferBytes: Number.POSITIVE_INFINITY, // what it asks for is small, and all of it is needed
      welcomed: (frame) => this.#restoreAll(frame),
      received: (frame) => this.#receive(frame),
      receivedBinary: (frame) => eventsFromBinary(frame).forEach(this.#deliver),
      changed: (state) => {
        if (state.state === 'closed') this.#unwatchPage();
        this.emit('state', state);
      },
      failed: (error) => this.emit('error', error),
      probe: () => void this.list(),
    });
    this.#unwatchPage = options.pauseWhenHidden ? watchPage((hidden) => this.#setHidden(hidden)) : () => {};
  }

  get state(): ConnectionState['state'] {
    return this.#connection.current.state;
  }

  /**
   * Subscribes, now and after every reconnect, until `unsubscribe` or the hub's `removed`. Devices that the hub
   * refuses are in the answer's `errors` and are not kept.
   *
   * Rejects with TunnelError when there was no answer; the devices are kept, and subscribed to with the next
   * connection. A rejection that nobody waits for does no harm.
   */
  subscribe(devices: readonly string[]): Promise<Subscribed> {
    for (const device of devices) {
      this.#leaving.delete(device);
      this.#subscriptionOf(device).isPaused = false;
    }
    return this.#ask('subscribe', devices) as Promise<Subscribed>;
  }

  /** Ends subscriptions. Rejects as `subscribe` does; the hub is told with the next connection. */
  unsubscribe(devices: readonly string[]): Promise<Changed> {
    for (const device of devices) {
      this.#subscriptions.delete(device);
      this.#leaving.add(device);
    }
    return this.#ask('unsubscribe', devices) as Promise<Changed>;
  }

  /** Nothing is delivered until `resume`, and that is no gap. @param devices default: all */
  pause(devices?: readonly string[]): Promise<Changed> {
    for (const device of devices ?? this.#subscriptions.keys()) {
      const subscription = this.#subscriptions.get(device);
      if (subscription === undefined) continue;
      subscription.isPaused = true;
      subscription.forget();
    }
    return this.#ask('pause', devices) as Promise<Changed>;
  }

  /** Ends a pause; the answer has the devices as they are now. @param devices default: all */
  resume(devices: readonly string[] = [...this.#subscriptions.keys()]): Promise<Subscribed> {
    // Subscribing resumes, and works where the hub has meanwhile given up a pause that outlasted a long absence.
    return this.subscribe(devices);
  }

  /** The subscriptions as the hub has them. Rejects with TunnelError. */
  list(): Promise<readonly ListedSubscription[]> {
    const answer = this.#connection.requests.ask({ op: 'list' });
    return handled(answer.then(({ devices = [] }) => devices as readonly ListedSubscription[]));
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
  events({ limit = 1024 }: { readonly limit?: number } = {}): EventStream {
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

  [Symbol.asyncIterator](): EventStream {
    return this.events();
  }

  /** Says goodbye. Resolves when the connection is closed. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  #subscriptionOf(device: string): Subscription {
    let subscription = this.#subscriptions.get(device);
    if (subscription === undefined) {
      subscription = new Subscription();
      this.#subscriptions.set(device, subscription);
    }
    return subscription;
  }

  #isWanted(device: string): boolean {
    return !this.#isHidden && this.#subscriptions.get(device)?.isPaused === false;
  }

  /** Asks in as many frames as it takes, and puts the answers together. */
  #ask(op: string, devices: readonly string[] | undefined): Promise<Subscribed | Changed> {
    const frames =
      devices === undefined ? [{ op }] : inChunks(devices).map((chunk) => ({ op, devices: chunk }));
    const answers = frames.map((frame) => this.#connection.requests.ask(frame));
    return handled(Promise.all(answers).then(merge));
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
        this.#subscriptions.get(frame.device)?.seen(frame.to);
        this.emit('gap', frame);
        break;
      case 'subscribed':
        this.#readSnapshots(frame);
        break;
      case 'unsubscribed':
        for (const device of frame.devices ?? []) this.#leaving.delete(device as string);
        for (const { device } of frame.errors ?? []) this.#leaving.delete(device);
        break;
      case 'status':
        this.#readStatus(frame);
        break;
      case 'removed':
        this.#forgetRemoved(frame);
        this.emit('removed', frame);
    }
  }

  readonly #deliver = (event: DeviceEvent): void => {
    this.#subscriptions.get(event.device)?.seen(event.seq);
    this.emit('event', event);
  };

  #readSnapshots(answer: Subscribed): void {
    for (const { device, seq } of answer.devices) {
      const missed = this.#subscriptions.get(device)?.snapshot(seq);
      if (missed !== undefined) this.emit('gap', { device, ...missed, reason: 'reconnect' });
    }
    for (const { device } of answer.errors) this.#subscriptions.delete(device);
    // Asked for while the page was shown or hidden, active now: behind a hidden page it is not to be.
    if (this.#isHidden)
      void this.#ask(
        'pause',
        answer.devices.map(({ device }) => device),
      );
    this.emit('subscribed', answer);
  }

  /** What an operator paused must stay so over a reconnect, and what an operator woke too. */
  #readStatus(notice: StatusNotice): void {
    for (const device of notice.devices) {
      const subscription = this.#subscriptions.get(device);
      if (subscription === undefined) continue;
      if (notice.status === 'active') subscription.isPaused = false;
      else {
        subscription.forget();
        if (notice.reason === 'paused') subscription.isPaused = true;
      }
    }
    this.emit('status', notice);
  }

  #forgetRemoved({ devices, code }: Removal): void {
    // Behind a hidden page silence is no wonder: what it cost is subscribed to again when the page is back.
    if (code === removals.inactiveTooLong.code && this.#isHidden) return;
    for (const device of devices) this.#subscriptions.delete(device);
  }

  /** Brings the hub to what is wanted, on a new connection. */
  #restoreAll({ resumed = [] }: Welcome): void {
    // What the hub kept and this client never heard of is from an earlier life of the same id: it is taken over.
    for (const device of resumed) if (!this.#leaving.has(device)) this.#subscriptionOf(device);
    const devices = [...this.#subscriptions.keys()];
    for (const device of devices) {
      const subscription = this.#subscriptionOf(device);
      if (this.#isWanted(device)) subscription.reconnected();
      else subscription.forget();
    }
    const asked = new Set(this.#connection.requests.waiting().flatMap((frame) => frame.devices ?? []));
    // Those in `resumed` are active already: asking again changes nothing, and is answered with their snapshots.
    this.#restore(devices.filter((device) => this.#isWanted(device) && !asked.has(device)));
    const isUnwanted = (device: string): boolean => !this.#isWanted(device) && !this.#leaving.has(device);
    void this.#ask(
      'pause',
      resumed.filter((device) => isUnwanted(device) && !asked.has(device)),
    );
    void this.#ask(
      'unsubscribe',
      [...this.#leaving].filter((device) => !asked.has(device)),
    );
  }

  /** Subscribes without being asked to. What is refused now was taken from the application: it is told so. */
  #restore(devices: readonly string[]): void {
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
    (this.#ask('subscribe', devices) as Promise<Subscribed>).then(told, failed);
  }

  #setHidden(isHidden: boolean): void {
    const active = [...this.#subscriptions].flatMap(([device, { isPaused }]) => (isPaused ? [] : [device]));
    this.#isHidden = isHidden;
    if (this.state !== 'connected') return; // the next welcome finds it so
    if (isHidden) {
      for (const device of active) this.#subscriptionOf(device).forget();
      void this.#ask('pause', active);
    } else this.#restore(active);
  }
}
