/**
 * React hooks for a subscriber: `import { … } from 'device-aggregator-tunnel-client/react'`. A device or filter is
 * followed while a component that uses it is mounted.
 * @module
 */
import { type Context, createContext, useCallback, useContext, useSyncExternalStore } from 'react';
import { matches } from './checks.ts';
import type { ConnectionState, DeviceState, Subscriber } from './index.ts';

/** The subscriber that the hooks below use: `<SubscriberContext value={subscriber}>`. */
export const SubscriberContext: Context<Subscriber | undefined> = createContext<Subscriber | undefined>(
  undefined,
);

/**
 * What is known about a device; undefined until the hub has answered. Renders again when it changes.
 * @typeParam Data type of the device's messages
 * @throws Error outside of a `SubscriberContext`
 */
export function useDevice<Data = unknown>(id: string): DeviceState<Data> | undefined {
  const store = useStore();
  const getSnapshot = () => store.subscriber.state.get(id) as DeviceState<Data> | undefined;
  return useSyncExternalStore(useWatch(store, id), getSnapshot, getSnapshot);
}

/**
 * What is known about the devices of a filter, such as `site-a.*`. The same array until one of them changes.
 * @typeParam Data type of the devices' messages
 * @throws Error outside of a `SubscriberContext`
 */
export function useDevices<Data = unknown>(filter: string): readonly DeviceState<Data>[] {
  const store = useStore();
  const getSnapshot = () => store.list(filter) as readonly DeviceState<Data>[];
  return useSyncExternalStore(useWatch(store, filter), getSnapshot, getSnapshot);
}

/** Whether there is a connection, and if not, why. @throws Error outside of a `SubscriberContext` */
export function useConnection(): ConnectionState {
  const { subscriber } = useStore();
  const subscribe = useCallback((notify: () => void) => subscriber.on('state', notify), [subscriber]);
  const getSnapshot = () => subscriber.connection;
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}

const stores = new WeakMap<Subscriber, Store>();

function useStore(): Store {
  const subscriber = useContext(SubscriberContext);
  if (subscriber === undefined) throw new Error('no subscriber: put <SubscriberContext value={…}> around it');
  const store = stores.get(subscriber) ?? new Store(subscriber);
  stores.set(subscriber, store);
  return store;
}

function useWatch(store: Store, name: string): (notify: () => void) => () => void {
  return useCallback((notify: () => void) => store.watch(name, notify), [store, name]);
}

/** State that the components of one subscriber share. */
class Store {
  readonly subscriber: Subscriber;
  /** By id or filter. Empty ones are removed by `#follow`. */
  readonly #watchers = new Map<string, Set<() => void>>();
  /** Ids and filters whose first component came, or whose last one left, since the last `#follow`. */
  readonly #touched = new Set<string>();
  /** Followed for components, not by the application itself. */
  readonly #own = new Set<string>();
  readonly #lists = new Map<string, readonly DeviceState[]>();

  constructor(subscriber: Subscriber) {
    this.subscriber = subscriber;
    subscriber.on('change', (ids) => {
      const changed = [...this.#lists.keys()].filter((filter) => ids.some((id) => matches(filter, id)));
      for (const filter of changed) this.#lists.delete(filter);
      for (const name of new Set([...ids, ...changed])) {
        for (const notify of this.#watchers.get(name) ?? []) notify();
      }
    });
  }

  list(filter: string): readonly DeviceState[] {
    let list = this.#lists.get(filter);
    if (list === undefined) {
      list = [...this.subscriber.state.values()].filter(({ device }) => matches(filter, device));
      this.#lists.set(filter, list);
    }
    return list;
  }

  watch(name: string, notify: () => void): () => void {
    const watchers = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, watchers);
    if (watchers.size === 0) this.#touch(name);
    watchers.add(notify);
    return () => {
      watchers.delete(notify);
      if (watchers.size === 0) this.#touch(name);
    };
  }

  /** Components that mount or unmount together cause one `#follow`. */
  #touch(name: string): void {
    if (this.#touched.size === 0) queueMicrotask(() => this.#follow());
    this.#touched.add(name);
  }

  /** Follows everything that is watched, and unfollows the rest. */
  #follow(): void {
    const { subscriber } = this;
    const names = [...this.#touched];
    this.#touched.clear();
    const left = names.filter((name) => this.#watchers.get(name)?.size === 0);
    for (const name of left) {
      this.#watchers.delete(name);
      this.#lists.delete(name);
    }
    const given = left.filter((name) => this.#own.delete(name));
    const wanted = names.filter((name) => this.#watchers.has(name) && !subscriber.follows(name));
    for (const name of wanted) this.#own.add(name);
    if (given.length > 0) void subscriber.unsubscribe(given);
    if (wanted.length > 0) void subscriber.subscribe(wanted, { last: true });
  }
}
