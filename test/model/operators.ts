/** Section 7 of the contract: what operators set, for pairs and by rules. */
import type { Outcome } from './commands.ts';
import { gain } from './follows.ts';
import { appear } from './peers.ts';
import { isSubscription, type Pair, type PairState, type Rule, type World } from './world.ts';

const DENIED = 103;
const TERMINATED = 122;

export type RowCommand = 'allow' | 'activate' | 'hold' | 'deny' | 'remove';

export function setRow(world: World, what: RowCommand, device: string, subscriber: string): void {
  const found = world.pair(device, subscriber);
  if (what === 'remove') {
    remove(world, found!);
    return;
  }
  world.device(device);
  world.subscriber(subscriber);
  const wasDenied =
    found?.state === 'deny' || (found?.granted !== true && world.decide(device, subscriber) === 'deny');
  if (what === 'deny') deny(world, device, subscriber);
  else if (what === 'allow') {
    const isOne = found !== undefined && isSubscription(found);
    world.ensurePair(device, subscriber, isOne ? found.state : 'allow').granted = true;
    if (!isOne && wasDenied) gain(world, world.device(device), subscriber);
  } else subscribeFor(world, device, subscriber, what);
}

function deny(world: World, device: string, subscriber: string): void {
  const found = world.pair(device, subscriber);
  if (found !== undefined && isSubscription(found)) tellRemoved(world, found, DENIED);
  const asked = found?.state === 'deny' ? found.asked : found?.own;
  const pair = world.ensurePair(device, subscriber, 'deny');
  pair.granted = false;
  pair.asked = asked;
  pair.own = undefined;
}

/** The operator makes a subscription active or inactive, or makes one. Where the pair is denied that allows it. */
function subscribeFor(world: World, device: string, subscriber: string, what: 'activate' | 'hold'): void {
  const found = world.pair(device, subscriber);
  const before = found !== undefined && isSubscription(found) ? found.state : undefined;
  const active: PairState = world.isConnected(subscriber) ? 'active' : 'disconnected';
  const after = what === 'hold' ? 'paused' : active;
  const asked = world.askedOf(device, subscriber);
  const pair = world.ensurePair(device, subscriber, after);
  if (before === undefined) pair.own = asked;
  if (world.decide(device, subscriber) === 'deny') pair.granted = true;
  if (before === after) return;
  const status = after === 'active' ? 'active' : 'inactive';
  const isSame = before !== undefined && before !== 'active' && status === 'inactive';
  world.tell(subscriber, { kind: 'status', device, status, ...(isSame ? { optional: true } : {}) });
}

/** The row goes, and matching filters do not follow again; but where it was a denial, that is lifted. */
function remove(world: World, pair: Pair): void {
  const wasDenied = pair.state === 'deny';
  if (isSubscription(pair)) tellRemoved(world, pair, DENIED);
  world.forget(pair);
  if (wasDenied) gain(world, world.device(pair.device), pair.subscriber);
}

function tellRemoved(world: World, { device, subscriber }: Pair, code: number): void {
  world.tell(subscriber, { kind: 'removed', device, code });
}

export function setVip(world: World, subscriber: string, vip: boolean): Outcome {
  world.subscriber(subscriber).vip = vip;
  return {};
}

/** Subscriptions that the rules deny go, unless an operator allowed them; what they deny no more is followed. */
export function setRules(world: World, rules: readonly Rule[]): Outcome {
  const before = world.rules;
  world.rules = rules;
  const denied = world
    .pairsOf({})
    .filter(
      (pair) =>
        isSubscription(pair) && !pair.granted && world.decide(pair.device, pair.subscriber) === 'deny',
    );
  for (const pair of denied) {
    tellRemoved(world, pair, DENIED);
    world.forget(pair);
  }
  for (const subscriber of world.subscribers.keys()) {
    for (const device of world.devices.values()) {
      const wasDenied = world.decide(device.id, subscriber, before) === 'deny';
      if (wasDenied && world.pair(device.id, subscriber) === undefined) gain(world, device, subscriber, true);
    }
  }
  return { removed: denied.length };
}

export function terminate(world: World, id: string): Outcome {
  const closes = world.device(id).connected;
  for (const pair of world.pairsOf({ device: id })) {
    if (isSubscription(pair)) tellRemoved(world, pair, TERMINATED);
    world.forget(pair);
  }
  world.devices.delete(id);
  return { closes };
}

/** As the device; it counts as one that has been there. */
export function publishFor(world: World, id: string, content: number): Outcome {
  const device = world.device(id);
  appear(world, device);
  return world.publish(device, { type: 'message', source: 'device', content });
}
