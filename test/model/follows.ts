/** Sections 4, 5 and 8 of the contract: what subscribers follow, by id and by filters. */
import type { Ask, Outcome, Wishes } from './commands.ts';
import { activate, begin } from './replays.ts';
import {
  ALL_TYPES,
  ANSWER,
  type Device,
  type Filter,
  isSubscription,
  type Pair,
  type Position,
  type World,
} from './world.ts';

const DENIED = 103;
const NOT_SUBSCRIBED = 120;

/** Where the subscriber stands; a position counts once. */
type Since = Map<string, Position>;

/** A request that names ids and filters. Filters count first: their pages come after the answer. */
export function ask(
  world: World,
  subscriber: string,
  op: Ask,
  names: readonly string[],
  wishes: Wishes = {},
  positions: Readonly<Record<string, Position>> = {},
): Outcome {
  const since = new Map(Object.entries(positions));
  const refused: Record<string, number> = {};
  const matched: Record<string, readonly [number, number]> = {};
  const pages: (() => void)[] = [];
  for (const name of names.filter((one) => one.endsWith('*'))) {
    const result = filterOps[op](world, subscriber, name, wishes, since);
    if ('code' in result) refused[name] = result.code;
    else {
      if (result.matched !== undefined) matched[name] = result.matched;
      pages.push(result.tell);
    }
  }
  for (const name of names.filter((one) => !one.endsWith('*'))) {
    const code =
      op === 'subscribe'
        ? subscribe(world, subscriber, name, wishes, since)
        : change(world, subscriber, name, op);
    if (code !== undefined) refused[name] = code;
  }
  for (const tell of pages) tell();
  return { refused, matched };
}

function subscribe(
  world: World,
  subscriber: string,
  id: string,
  wishes: Wishes,
  since: Since,
): number | undefined {
  if (!world.mayFollow(id, subscriber)) return DENIED;
  world.device(id);
  const begun = activate(world, id, subscriber);
  begun.pair.own = wishes.types ?? ALL_TYPES;
  begin(world, begun, ANSWER, wishes, since.get(id));
  since.delete(id);
  return undefined;
}

function change(
  world: World,
  subscriber: string,
  id: string,
  op: Exclude<Ask, 'subscribe'>,
): number | undefined {
  const pair = world.pair(id, subscriber);
  if (pair === undefined || !isSubscription(pair)) return pair?.state === 'deny' ? DENIED : NOT_SUBSCRIBED;
  if (op === 'pause') pair.state = 'paused';
  else if (op === 'resume') {
    if (pair.state !== 'disconnected') pair.state = 'active'; // what is held waits for a subscribe
    world.tellEntry(pair, ANSWER);
  } else {
    if (pair.own === undefined) return NOT_SUBSCRIBED;
    pair.own = undefined;
    endWay(world, pair);
  }
  return undefined;
}

/** One of the ways in which the device is followed has ended. */
function endWay(world: World, pair: Pair): void {
  const filters = world.filtersOn(pair.device, pair.subscriber);
  if (!isFiltered(world, pair)) world.end(pair);
  else if (filters.every(([, { state }]) => state === 'paused')) pair.state = 'paused';
  else if (filters.every(([, filter]) => world.isResting(pair.subscriber, filter)))
    pair.state = pair.state === 'active' ? 'disconnected' : pair.state;
}

/** Whether a filter follows the device of the pair. */
function isFiltered(world: World, { device, subscriber }: Pair): boolean {
  return world.devices.get(device)?.known === true && world.filtersOn(device, subscriber).length > 0;
}

// Filters

/** `tell` is done when the answer is on its way. */
type Done = { readonly tell: () => void; readonly matched?: readonly [number, number] };
type FilterOp = (
  world: World,
  subscriber: string,
  name: string,
  wishes: Wishes,
  since: Since,
) => { readonly code: number } | Done;

const filterOps: Readonly<Record<Ask, FilterOp>> = {
  subscribe(world, subscriber, name, { types = ALL_TYPES, ...wishes }, since) {
    if (!world.coversSomeOf(subscriber, name)) return { code: DENIED };
    const prefix = name.slice(0, -1);
    world.subscriber(subscriber).filters.set(name, { prefix, types, state: 'active' });
    const ids = [...world.devices.values()]
      .filter(({ id, known }) => known && id.startsWith(prefix) && world.mayFollow(id, subscriber))
      .map(({ id }) => id);
    const isRecovery = since.size > 0;
    const tell = (): void => {
      for (const id of ids) {
        const begun = activate(world, id, subscriber);
        begin(world, begun, name, { types, ...wishes }, since.get(id), isRecovery);
        since.delete(id);
      }
    };
    return { tell, matched: [ids.length, ids.length] };
  },
  unsubscribe(world, subscriber, name) {
    const filter = world.subscriber(subscriber).filters.get(name);
    if (filter === undefined) return { code: NOT_SUBSCRIBED };
    world.subscriber(subscriber).filters.delete(name);
    for (const pair of followedBy(world, subscriber, filter)) {
      if (pair.own === undefined) endWay(world, pair);
    }
    return { tell() {} };
  },
  pause(world, subscriber, name) {
    const filter = world.subscriber(subscriber).filters.get(name);
    if (filter === undefined) return { code: NOT_SUBSCRIBED };
    filter.state = 'paused';
    for (const pair of followedBy(world, subscriber, filter)) {
      const others = world.filtersOn(pair.device, subscriber);
      if (pair.own === undefined && !others.some(([, { state }]) => state === 'active'))
        pair.state = 'paused';
    }
    return { tell() {} };
  },
  resume(world, subscriber, name) {
    const filter = world.subscriber(subscriber).filters.get(name);
    if (filter === undefined) return { code: NOT_SUBSCRIBED };
    if (filter.state === 'disconnected') return { tell() {}, matched: [0, 0] }; // held
    filter.state = 'active';
    const all = followedBy(world, subscriber, filter).filter(({ state }) => state !== 'disconnected');
    const least = all.filter(({ own }) => own === undefined).length;
    return { tell: () => tellPage(world, name, all), matched: [least, all.length] };
  },
};

/** The subscriptions that the filter follows. */
function followedBy(world: World, subscriber: string, { prefix }: Filter): Pair[] {
  return world
    .pairsOf({ subscriber })
    .filter((pair) => isSubscription(pair) && pair.device.startsWith(prefix))
    .filter(({ device }) => world.devices.get(device)?.known === true);
}

/**
 * The filter is active again: what only filters follow is too, and comes in a page. What is followed by id has a status
 * of its own; whether the page names it, the contract leaves open.
 */
export function tellPage(world: World, name: string, pairs: readonly Pair[]): void {
  for (const pair of pairs) {
    if (pair.own === undefined) pair.state = 'active';
    world.tellEntry(pair, name, pair.own === undefined ? {} : { optional: true });
  }
}

/**
 * A device that filters match is there, or is not denied any more.
 * @param isLifted then the page of one filter is enough
 */
export function gain(world: World, device: Device, subscriber: string, isLifted = false): void {
  const filters = world.filtersOn(device.id, subscriber);
  if (!device.known || filters.length === 0 || !world.mayFollow(device.id, subscriber)) return;
  const found = world.pair(device.id, subscriber);
  const states = filters.map(([, { state }]) => state);
  const state = states.includes('active')
    ? 'active'
    : states.includes('disconnected')
      ? 'disconnected'
      : 'paused';
  const pair =
    found !== undefined && isSubscription(found) ? found : world.ensurePair(device.id, subscriber, state);
  // A held one, from where it is followed otherwise.
  if (pair.state === 'disconnected' && world.isConnected(subscriber) && state === 'active')
    pair.state = state;
  const isOpen = pair.state !== 'active' || (isLifted && filters.length > 1);
  for (const [name, filter] of filters) {
    if (filter.state === 'active') world.tellEntry(pair, name, isOpen ? { optional: true } : {});
  }
}

// All at once

export function pauseAll(world: World, subscriber: string): Outcome {
  for (const pair of world.pairsOf({ subscriber })) if (isSubscription(pair)) pair.state = 'paused';
  for (const filter of world.subscriber(subscriber).filters.values()) filter.state = 'paused';
  return {};
}

/** Whether the pair waits to be subscribed to: by itself, or with all that follows it. */
function isHeld(world: World, { device, subscriber, state, own }: Pair): boolean {
  if (state === 'disconnected' || own !== undefined) return state === 'disconnected';
  return world.filtersOn(device, subscriber).every(([, filter]) => filter.state === 'disconnected');
}

/** What was active is named or not; what becomes active is: by the answer, or in the page of a filter. */
export function resumeAll(world: World, subscriber: string): Outcome {
  const { filters } = world.subscriber(subscriber);
  const before = new Map(world.pairsOf({ subscriber }).map((pair) => [pair, pair.state]));
  const subscriptions = [...before.keys()].filter(isSubscription);
  const isWaiting = new Map(
    [...filters].map(([name, { state }]) => [name, state !== 'active' && state !== 'disconnected']),
  );
  for (const filter of filters.values()) if (filter.state !== 'disconnected') filter.state = 'active';
  for (const pair of subscriptions) if (!isHeld(world, pair)) pair.state = 'active';
  for (const pair of subscriptions) {
    const isNamed = pair.own !== undefined && before.get(pair) !== 'active';
    world.tellEntry(pair, ANSWER, isNamed ? {} : { optional: true });
  }
  for (const [name, filter] of filters) {
    for (const pair of followedBy(world, subscriber, filter)) {
      if (pair.state === 'disconnected') continue;
      const isSure = pair.own === undefined && isWaiting.get(name) === true;
      world.tellEntry(pair, name, isSure ? {} : { optional: true });
    }
  }
  for (const { device, state } of subscriptions) {
    if (state !== 'active') continue;
    const { epoch, seq } = world.device(device);
    world.subscriber(subscriber).positions.set(device, { epoch, seq });
  }
  return {};
}
