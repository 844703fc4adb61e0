/**
 * What a subscriber had was lost if it was on its way to a node that was just then lost: the node that gave it forgot it
 * when it had sent it.
 */
import { describe, expect, it } from 'vitest';
import { CALL_BYTES_MAX, SESSION_BYTES_MAX } from '../../src/cluster/limits.ts';
import { HomeKind } from '../../src/cluster/records.ts';
import type { Connection } from '../cluster/support/fake-host.ts';
import { Simulation, TIMEOUT_MS } from '../cluster/support/simulation.ts';
import { wholeCluster } from '../cluster/support/whole-cluster.ts';
import type { WholeSubscriber } from '../cluster/support/whole-hub.ts';
import { Random } from '../support/random.ts';

const kind = HomeKind.subscriber;

/** `ann` is kept at a, with a subscription to `dev-1`, and connects to c. The time is that when a has sent what it kept. */
function onItsWay(seed: number) {
  const simulation = new Simulation(new Random(seed), 100);
  for (const name of ['a', 'b', 'c']) simulation.start(name);
  simulation.run(3000);
  const at = (name: string) => simulation.nodes.get(name)!;
  const connects = (name: string): Connection => {
    const ann: Connection = { id: 'ann', alive: true, closed: undefined };
    at(name).host.connectSubscriber(ann);
    return ann;
  };
  const first = connects('a');
  simulation.run(100);
  at('a').host.subscribers.get('ann')!.kept.push('dev-1');
  at('a').host.disconnectSubscriber(first);
  simulation.run(100);
  const given = at('a').node.homes;
  const ann = connects('c');
  expect(simulation.runUntil(() => given.get(kind, 'ann') === undefined)).toBe(true);
  const kept = (name: string) => at(name).host.subscribers.get('ann')?.kept;
  const everywhere = () => [...simulation.nodes.keys()].flatMap((name) => kept(name) ?? []);
  const splitOff = (name: string): void => {
    at(name).side = 1;
    simulation.run(2 * TIMEOUT_MS);
  };
  const join = (name: string): void => {
    at(name).side = 0;
    simulation.run(5000);
  };
  return { simulation, at, ann, connects, kept, everywhere, splitOff, join };
}

/** The same, but c has it, and only the acknowledgement is lost. */
function onItsWayUnacknowledged(seed: number) {
  const moved = onItsWay(seed);
  const { simulation, at, kept } = moved;
  at('c').sends = false;
  expect(simulation.runUntil(() => kept('c')?.length === 1)).toBe(true);
  at('c').sends = true;
  return moved;
}

const seeds = Array.from({ length: 10 }, (_, seed) => seed + 1);

describe('A subscriber that moves to a node that is split off just then has what it had', () => {
  it.each(seeds)('when the split is over (seed %i)', (seed) => {
    const { ann, kept, splitOff, join } = onItsWay(seed);
    splitOff('c');
    expect(kept('c')).toEqual([]);
    expect(kept('a')).toEqual(['dev-1']);
    join('c');
    expect(ann.closed).toBeUndefined();
    expect(kept('c')).toEqual(['dev-1']);
    expect(kept('a')).toBeUndefined();
  });

  it.each(seeds)('on the side where it connects next (seed %i)', (seed) => {
    const { connects, kept, simulation, splitOff } = onItsWay(seed);
    splitOff('c');
    connects('b');
    simulation.run(2000);
    expect(kept('b')).toEqual(['dev-1']);
    expect(kept('a')).toBeUndefined();
  });

  it('when the node that gave it is split off', () => {
    const { kept, splitOff, join } = onItsWay(1);
    splitOff('a');
    expect(kept('a')).toEqual(['dev-1']);
    join('a');
    expect(kept('c')).toEqual(['dev-1']);
  });
});

it('A subscriber that moves to a node that dies just then has what it had where it connects next', () => {
  const { at, connects, kept, simulation } = onItsWay(1);
  simulation.kill(at('c'));
  simulation.run(2 * TIMEOUT_MS);
  connects('b');
  simulation.run(2000);
  expect(kept('b')).toEqual(['dev-1']);
});

it('A subscriber that moves to a node whose session ends just then, as too much waits for it, has what it had', () => {
  const { simulation, at, kept } = onItsWay(1);
  simulation.freeze(at('c'));
  const body = new Uint8Array(CALL_BYTES_MAX);
  for (let n = 0; n <= SESSION_BYTES_MAX / CALL_BYTES_MAX; n++) void at('a').node.call('c', 'any', body);
  expect(simulation.runUntil(() => kept('a') !== undefined)).toBe(true);
  simulation.thaw(at('c'));
  simulation.run(5000);
  expect(kept('c')).toEqual(['dev-1']);
});

describe('A subscriber whose move is not acknowledged', () => {
  it.each(seeds)('is not given back what it gave up since (seed %i)', (seed) => {
    const { at, ann, kept, splitOff, join } = onItsWayUnacknowledged(seed);
    splitOff('c');
    expect(kept('a')).toEqual(['dev-1']);
    at('c').host.subscribers.get('ann')!.kept = ['dev-2'];
    join('c');
    expect(ann.closed).toBeUndefined();
    expect(kept('c')).toEqual(['dev-2']);
    expect(kept('a')).toBeUndefined();
  });

  it.each(seeds)('is not given back what it gave up since, though it has left (seed %i)', (seed) => {
    const { at, ann, everywhere, splitOff, join } = onItsWayUnacknowledged(seed);
    at('c').host.subscribers.get('ann')!.kept = ['dev-2'];
    at('c').host.disconnectSubscriber(ann);
    splitOff('c');
    join('c');
    expect(everywhere()).toEqual(['dev-2']);
  });

  it('brings with it what it has got where it was, if it was there once more', () => {
    const { at, connects, kept, simulation, splitOff, join } = onItsWayUnacknowledged(1);
    splitOff('c');
    const again = connects('a');
    simulation.run(100);
    at('a').host.subscribers.get('ann')!.kept.push('dev-3');
    at('a').host.disconnectSubscriber(again);
    join('c');
    expect(kept('c')).toContain('dev-3');
  });

  it('has ended, if it is deleted meanwhile', () => {
    const { at, simulation, splitOff, join, everywhere, ann } = onItsWayUnacknowledged(1);
    at('c').host.disconnectSubscriber(ann);
    const number = at('c').node.homes.endings.numberForAll(kind, 'ann');
    for (const name of ['a', 'c']) at(name).host.endSubscriber('ann', number);
    simulation.run(100);
    splitOff('c');
    join('c');
    expect(everywhere()).toEqual([]);
  });
});

/** The same between whole hubs, with `ann` connected until she moves. */
function movesBetweenHubs(seed: number) {
  const simulation = wholeCluster(['a', 'b', 'c'], seed);
  const at = (name: string) => simulation.nodes.get(name)!;
  const first = at('a').host.connectSubscriber('ann');
  simulation.run(1500);
  at('a').host.ask(first, 'subscribe', ['dev-1']);
  simulation.run(1500);
  const ann = at('c').host.connectSubscriber('ann');
  expect(simulation.runUntil(() => at('a').node.homes.get(kind, 'ann') === undefined)).toBe(true);
  expect(first.frames.isOver).toBe(true);
  const keptAt = (name: string): number => {
    const { reader } = at(name).host;
    const slot = reader.findSubscriber('ann');
    return slot < 0 ? 0 : reader.subscriptionSlotsOfSubscriber(slot, 0, 10).slots.length;
  };
  return { simulation, at, ann, keptAt };
}

const resumed = ({ frames }: WholeSubscriber) =>
  frames.all.flatMap(({ op, devices }) => (op === 'resumed' ? (devices ?? []) : []));

describe('A subscriber that moves between hubs as one of them is split off', () => {
  it.each(seeds.slice(0, 3))('is resumed when the split is over (seed %i)', (seed) => {
    const { simulation, at, ann, keptAt } = movesBetweenHubs(seed);
    at('c').side = 1;
    simulation.run(2 * TIMEOUT_MS);
    expect([resumed(ann), keptAt('a')]).toEqual([[], 1]);
    at('c').side = 0;
    simulation.run(5000);
    expect(resumed(ann)).toEqual(['dev-1']);
    expect([ann.frames.isOver, keptAt('a')]).toEqual([false, 0]);
  });
});
