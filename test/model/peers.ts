/** Devices and subscribers come, go, are lost and are forgotten. */
import type { Outcome } from './commands.ts';
import { ask, gain, tellPage } from './follows.ts';
import { type Device, isSubscription, type Pair, type World } from './world.ts';

const EXPIRED_DEVICE = 123;

// Devices

export function connectDevice(world: World, id: string): Outcome {
  const device = world.device(id);
  const closes = device.connected;
  device.connected = true;
  appear(world, device);
  world.becomes(device, 'online');
  return { closes };
}

/** From here on filters match the device. */
export function appear(world: World, device: Device): void {
  if (device.known) return;
  device.known = true;
  for (const subscriber of world.subscribers.keys()) gain(world, device, subscriber);
}

export function leaveDevice(world: World, id: string): Outcome {
  const device = world.device(id);
  device.connected = false;
  world.becomes(device, 'offline');
  return {};
}

/** It may come back within the leave grace, and nobody hears of it. */
export function loseDevice(world: World, id: string): Outcome {
  world.device(id).connected = false;
  return {};
}

/** Devices whose time is over, and those that nobody has used and nobody follows any more. */
export function purgeDevices(world: World): void {
  for (const device of world.devices.values()) {
    if (world.terms.timers && !device.connected) world.becomes(device, 'offline');
    const isOver = !device.known || world.terms.timers;
    if (device.state === 'online' || !isOver || isHeld(world, device)) continue;
    for (const pair of world.pairsOf({ device: device.id })) {
      world.tell(pair.subscriber, { kind: 'removed', device: device.id, code: EXPIRED_DEVICE });
      world.forget(pair);
    }
    world.devices.delete(device.id);
  }
}

/** A subscription that only filters made does not keep an offline device; what operators set does. */
function isHeld(world: World, { id }: Device): boolean {
  return world
    .pairsOf({ device: id })
    .some((pair) => pair.own !== undefined || pair.granted || !isSubscription(pair));
}

// Subscribers

/** @param hold what was kept waits until it is asked for */
export function connect(world: World, id: string, hold: boolean): Outcome {
  const subscriber = world.subscriber(id);
  const closes = subscriber.connected;
  if (closes) disconnect(world, id);
  subscriber.connected = true;
  const kept = world.pairsOf({ subscriber: id }).filter(({ state }) => state === 'disconnected');
  const filters = [...subscriber.filters].filter(([, { state }]) => state === 'disconnected');
  const isPaged = ({ device, own }: Pair): boolean =>
    own === undefined && world.filtersOn(device, id).some(([, { state }]) => state === 'disconnected');
  const resumed = kept.filter((pair) => !isPaged(pair)).map(({ device }) => device);
  const outcome = { closes, resumed, resumedFilters: filters.map(([name]) => name) };
  if (hold) return outcome;
  for (const pair of kept) pair.state = 'active';
  for (const [name, filter] of filters) {
    filter.state = 'active';
    const followed = world
      .pairsOf({ subscriber: id })
      .filter((pair) => pair.state === 'active' && pair.device.startsWith(filter.prefix))
      .filter(({ device }) => world.device(device).known);
    tellPage(world, name, followed);
  }
  return outcome;
}

/**
 * The client was lost and comes back with `hold`: it asks again for what it had, and says where it stands. What it
 * paused by itself it leaves alone.
 */
export function recover(world: World, id: string): Outcome {
  const welcome = connect(world, id, true);
  const again = [...welcome.resumed!, ...welcome.resumedFilters!];
  const isAsked = (device: string): boolean =>
    again.includes(device) ||
    (world.devices.get(device)?.known === true &&
      world.filtersOn(device, id).some(([name]) => again.includes(name)));
  const asked = world
    .pairsOf({ subscriber: id })
    .filter((pair) => isSubscription(pair) && isAsked(pair.device));
  const { positions } = world.subscriber(id);
  const since = Object.fromEntries(
    asked.flatMap(({ device }) => {
      const position = positions.get(device);
      return position === undefined || !world.toldEpochs.has(position.epoch) ? [] : [[device, position]];
    }),
  );
  const answer = again.length === 0 ? {} : ask(world, id, 'subscribe', again, {}, since);
  return { ...welcome, ...answer, again, since };
}

/** The connection ends: subscriptions wait for the subscriber, unless it paused them. */
export function disconnect(world: World, id: string): Outcome {
  const subscriber = world.subscriber(id);
  world.hush(id);
  subscriber.connected = false;
  for (const pair of world.pairsOf({ subscriber: id }))
    if (pair.state === 'active') pair.state = 'disconnected';
  for (const filter of subscriber.filters.values())
    if (filter.state === 'active') filter.state = 'disconnected';
  return {};
}

/** Its subscriptions and filters go; what operators set stays. */
export function kick(world: World, id: string): Outcome {
  const subscriber = world.subscriber(id);
  const closes = subscriber.connected;
  disconnect(world, id);
  for (const pair of world.pairsOf({ subscriber: id }).filter(isSubscription)) {
    pair.own = undefined;
    if (pair.granted) pair.state = 'allow';
    else world.forget(pair);
  }
  subscriber.filters.clear();
  return { closes };
}

function giveUp(world: World, id: string): void {
  for (const pair of world.pairsOf({ subscriber: id })) if (isSubscription(pair)) world.end(pair);
  world.subscriber(id).filters.clear();
}

/** Subscribers whose time is over, and those of whom nothing is left. */
export function purgeSubscribers(world: World): void {
  for (const { id, connected, filters } of world.subscribers.values()) {
    if (connected) continue;
    if (world.terms.timers) giveUp(world, id);
    if (filters.size === 0 && world.pairsOf({ subscriber: id }).length === 0) forget(world, id);
  }
}

/** The client keeps where it stands. When the hub forgets what operators set beside any pair is its own affair. */
function forget(world: World, id: string): void {
  const subscriber = world.subscriber(id);
  if (subscriber.vip !== false) subscriber.vip = undefined;
}
