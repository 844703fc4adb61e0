/**
 * A subscriber that an operator deleted while its home stood still, or was down, had its subscriptions again when the home
 * woke or came back with its snapshot.
 */
import { describe, expect, it } from 'vitest';
import { keeperOf } from '../../src/cluster/home.ts';
import { HomeKind } from '../../src/cluster/records.ts';
import type { Connection } from '../cluster/support/fake-host.ts';
import { Simulation, TIMEOUT_MS } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';
import { runs } from '../support/runs.ts';
import { testSeed } from '../support/seed.ts';

type Node = ReturnType<Simulation['start']>;

const kind = HomeKind.subscriber;
const connection = (): Connection => ({ id: 'ann', alive: true, closed: undefined });

/** `ann` has its place at a, which stands still; an operator deletes it at b and c. */
function deleted(isConnected: boolean, seed = 1) {
  const simulation = new Simulation(new Random(seed), 100);
  for (const name of ['a', 'b', 'c']) simulation.start(name);
  simulation.run(3000);
  const at = (name: string) => simulation.nodes.get(name)!;
  const ann = connection();
  at('a').host.connectSubscriber(ann);
  simulation.run(100);
  at('a').host.subscribers.get('ann')!.kept.push('dev-1');
  if (!isConnected) at('a').host.disconnectSubscriber(ann);
  simulation.run(100);
  simulation.freeze(at('a'));
  simulation.run(2 * TIMEOUT_MS);
  const deleteAt = (...names: readonly [string, ...string[]]) => {
    const number = at(names[0]).node.homes.endings.numberForAll(kind, 'ann');
    for (const name of names) at(name).host.endSubscriber('ann', number);
  };
  deleteAt('b', 'c');
  simulation.run(100);
  const wake = () => {
    simulation.thaw(at('a'));
    simulation.run(5000);
  };
  const homes = () => simulation.homesOf(kind, 'ann');
  const kept = (name: string) => at(name).host.subscribers.get('ann')?.kept;
  return { simulation, at, ann, deleteAt, wake, homes, kept };
}

describe('A subscriber that was deleted while its home stood still', () => {
  it('is nowhere when the home is back, and begins anew when it connects', () => {
    const { simulation, at, wake, homes, kept } = deleted(false);
    expect(homes()).toEqual(['a']);
    wake();
    expect(homes()).toEqual([]);
    at('c').host.connectSubscriber(connection());
    simulation.run(2000);
    expect(homes()).toEqual(['c']);
    expect(kept('c')).toEqual([]);
  });

  it('is nowhere, though its home stands still once more while it gives the subscriber up', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { simulation, at, homes, kept } = deleted(false, seed);
      const a = at('a');
      simulation.thaw(a);
      const isLeaving = () => a.node.homes.get(kind, 'ann')?.departure !== undefined;
      expect(simulation.runUntil(isLeaving)).toBe(true);
      simulation.freeze(a);
      simulation.run(2 * TIMEOUT_MS);
      simulation.thaw(a);
      simulation.run(5000);
      expect([homes(), kept('a')]).toEqual([[], undefined]);
    }
  });

  it('lives on where it is still connected', () => {
    const { simulation, at, ann, wake, homes, kept } = deleted(true);
    wake();
    expect(ann.closed).toBeUndefined();
    at('a').host.disconnectSubscriber(ann);
    simulation.run(100);
    // Though the node is lost once more before anybody hears of it.
    simulation.freeze(at('a'));
    simulation.run(2 * TIMEOUT_MS);
    wake();
    expect(homes()).toEqual(['a']);
    expect(kept('a')).toEqual(['dev-1']);
  });

  it('lives on where it was still connected, though a node hears of that only when it has gone', () => {
    const { simulation, at, ann, homes, kept } = deleted(true);
    at('c').side = 1;
    simulation.run(2 * TIMEOUT_MS);
    simulation.thaw(at('a'));
    simulation.run(5000);
    at('a').host.subscribers.get('ann')!.kept.push('dev-2');
    at('a').host.disconnectSubscriber(ann);
    simulation.run(100);
    at('c').side = 0;
    simulation.run(10_000);
    expect(homes()).toEqual(['a']);
    expect(kept('a')).toEqual(['dev-1', 'dev-2']);
  });

  it.each(['b', 'c'])('has what it subscribed to since, at %s, and nothing of before', (name) => {
    const { simulation, at, wake, homes, kept } = deleted(false);
    const again = connection();
    at(name).host.connectSubscriber(again);
    simulation.run(2000);
    at(name).host.subscribers.get('ann')!.kept.push('dev-2');
    at(name).host.disconnectSubscriber(again);
    simulation.run(100);
    wake();
    expect(homes()).toEqual([name]);
    expect(kept(name)).toEqual(['dev-2']);
  });

  it('is nowhere once more, where it connects again and its new home stands still', () => {
    const { simulation, at, deleteAt, wake, homes, kept } = deleted(false);
    wake();
    const again = connection();
    at('b').host.connectSubscriber(again);
    simulation.run(2000);
    at('b').host.subscribers.get('ann')!.kept.push('dev-2');
    at('b').host.disconnectSubscriber(again);
    simulation.run(100);
    expect(kept('b')).toEqual(['dev-2']);
    simulation.freeze(at('b'));
    simulation.run(2 * TIMEOUT_MS);
    deleteAt('a', 'c');
    simulation.thaw(at('b'));
    simulation.run(5000);
    expect(homes()).toEqual([]);
  });

  it('is nowhere, however often it had moved before unheard', () => {
    const { simulation, at, homes } = deleted(false);
    simulation.kill(at('a'));
    simulation.run(100);
    simulation.start('a').node.homes.hold(kind, 'ann', 500);
    at('a').host.subscribers.set('ann', { connection: undefined, kept: ['dev-1'], isHere: true });
    simulation.run(5000);
    expect(homes()).toEqual([]);
  });
});

it('A subscriber that was deleted where its place was has nothing of before, wherever it connects next', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const simulation = new Simulation(new Random(seed), 100);
    for (const name of ['a', 'b', 'c']) simulation.start(name);
    simulation.run(3000);
    const at = (name: string) => simulation.nodes.get(name)!;
    const follows = (name: string, device: string): Connection => {
      const ann = connection();
      at(name).host.connectSubscriber(ann);
      simulation.run(2000);
      at(name).host.subscribers.get('ann')!.kept.push(device);
      return ann;
    };
    at('a').host.disconnectSubscriber(follows('a', 'dev-1'));
    simulation.freeze(at('a'));
    simulation.run(2 * TIMEOUT_MS);
    follows('b', 'dev-2');
    // As every node does where the subscriber is: no other hears of the end.
    const number = at('b').node.homes.endings.numberForAll(kind, 'ann');
    at('b').host.endSubscriber('ann', number);
    simulation.run(100);
    const next = follows('c', 'dev-3');
    simulation.thaw(at('a'));
    simulation.run(5000);
    at('c').host.disconnectSubscriber(next);
    simulation.run(100);
    expect(at('c').host.subscribers.get('ann')?.kept, `seed ${seed}`).toEqual(['dev-3']);
  }
});

/** Of nodes that stay, `a` takes over what `c` leaves. */
const movesToA = Array.from({ length: 100 }, (_, n) => `ann-${n}`).find(
  (id) => keeperOf(id, ['a', 'b']) === 'a' && keeperOf(id, ['a']) === 'a',
)!;

/**
 * A subscriber has `dev-1` at d, which stands still, is deleted where it was next, and then has `dev-3` at c.
 * @param deletedAt the only node that knows the end, besides c
 */
function endedAndBack(seed: number, deletedAt: string) {
  const simulation = new Simulation(new Random(seed), 100);
  for (const name of ['a', 'b', 'c', 'd']) simulation.start(name);
  simulation.run(3000);
  const at = (name: string) => simulation.nodes.get(name)!;
  const follows = (name: string, device: string): void => {
    const ann = { id: movesToA, alive: true, closed: undefined };
    at(name).host.connectSubscriber(ann);
    simulation.run(2000);
    at(name).host.subscribers.get(movesToA)!.kept.push(device);
    at(name).host.disconnectSubscriber(ann);
    simulation.run(100);
  };
  follows('d', 'dev-1');
  simulation.freeze(at('d'));
  simulation.run(2 * TIMEOUT_MS);
  follows(deletedAt, 'dev-2');
  const number = at(deletedAt).node.homes.endings.numberForAll(kind, movesToA);
  at(deletedAt).host.endSubscriber(movesToA, number);
  simulation.run(100);
  follows('c', 'dev-3');
  const isAtA = () => at('a').node.homes.get(kind, movesToA) !== undefined;
  /** c gives it to a, which has claimed nothing. */
  const drain = (): void => {
    at('c').host.draining = true;
    at('c').node.homes.leave(kind, movesToA);
    expect(simulation.runUntil(isAtA)).toBe(true);
  };
  const kept = () =>
    [...simulation.nodes.values()].flatMap(({ host }) => host.subscribers.get(movesToA)?.kept ?? []).sort();
  return { simulation, at, follows, drain, kept };
}

describe('A subscriber that has moved since it was deleted has nothing of before', () => {
  it.each([
    ['that drained', 'b', false],
    ['that drained and was the only one to know the end', 'c', true],
  ])('from a node %s, whichever node its first home meets first', (_, deletedAt, ends) => {
    for (let seed = 1; seed <= 10; seed++) {
      const { simulation, at, drain, kept } = endedAndBack(seed, deletedAt);
      drain();
      if (ends) simulation.kill(at('c'));
      simulation.run(2 * TIMEOUT_MS);
      simulation.thaw(at('d'));
      simulation.run(8000);
      expect(kept(), `seed ${seed}`).toEqual(['dev-3']);
    }
  });

  it('when its first home hears of its next life before it hears of the end', () => {
    const { simulation, at, follows, drain, kept } = endedAndBack(1, 'b');
    drain();
    simulation.run(1000);
    follows('b', 'dev-4');
    for (const name of ['b', 'c']) simulation.freeze(at(name));
    // Of the nodes that answer, a knows the number of that life.
    simulation.kill(at('d'));
    simulation.run(100);
    simulation.start('d').node.homes.hold(kind, movesToA);
    at('d').host.subscribers.set(movesToA, { connection: undefined, kept: ['dev-1'], isHere: true });
    simulation.run(2000);
    for (const name of ['b', 'c']) simulation.thaw(at(name));
    simulation.run(8000);
    expect(kept()).toEqual(['dev-3', 'dev-4']);
  });
});

it('A subscriber that connects while it is deleted stays, whichever was first', () => {
  const simulation = new Simulation(new Random(1), 100);
  for (const name of ['a', 'b', 'c']) simulation.start(name);
  simulation.run(3000);
  const at = (name: string) => simulation.nodes.get(name)!;
  const ann = connection();
  const number = at('a').node.homes.endings.numberForAll(kind, 'ann');
  at('b').host.connectSubscriber(ann);
  at('b').host.endSubscriber('ann', number);
  simulation.run(100);
  at('c').host.endSubscriber('ann', number);
  at('b').host.subscribers.get('ann')!.kept.push('dev-1');
  at('b').host.disconnectSubscriber(ann);
  simulation.run(100);
  simulation.freeze(at('c'));
  simulation.run(2 * TIMEOUT_MS);
  simulation.thaw(at('c'));
  simulation.run(5000);
  expect(at('b').node.homes.get(kind, 'ann')).toBeDefined();
  expect(at('b').host.subscribers.get('ann')?.kept).toEqual(['dev-1']);
});

/** A subscriber that connects, leaves and is deleted, while nodes stand still or drain and the network is split. */
class Deletions {
  readonly #random: Random;
  readonly #simulation: Simulation;
  readonly #log: string[];
  #connection: { readonly connection: Connection; readonly at: Node } | undefined;
  #subscriptions = 0;
  /** Since it was deleted last. */
  #kept: string[] = [];

  constructor(seed: number) {
    this.#log = [`TEST_SEED=${seed}`];
    this.#random = new Random(seed);
    this.#simulation = new Simulation(this.#random, 0);
    for (const name of ['a', 'b', 'c']) {
      const { host } = this.#simulation.start(name);
      host.onCall = (number) => host.endSubscriber('ann', Number(number));
    }
    this.#simulation.run(3000);
  }

  get #nodes(): Node[] {
    return [...this.#simulation.nodes.values()];
  }

  step(): void {
    const roll = this.#random.next();
    const node = this.#random.pick(this.#nodes);
    if (this.#connection !== undefined) this.#leave(this.#connection);
    else if (roll < 0.4) this.#connect(node);
    else if (roll < 0.6) this.#delete();
    else if (roll < 0.8) this.#freeze(node);
    else if (roll < 0.9) this.#split(node);
    else this.#drain(node);
    this.#simulation.run(this.#random.pick([0, 50, 2000, 8000]));
  }

  #note(line: string): void {
    this.#log.push(`${Math.round(this.#simulation.clock.nowMs - 1_000_000)} ${line}`);
  }

  /**
   * Whether the node has heard of every end: else what connects there goes on with what it had, and no number can say what
   * was first.
   */
  #knowsEnds(at: Node): boolean {
    const numberAt = ({ node }: Node): number => node.homes.endings.number(kind, 'ann');
    return this.#nodes.every((other) => numberAt(other) <= numberAt(at));
  }

  #connect(at: Node): void {
    if (at.frozen || !this.#knowsEnds(at)) return;
    const connected = { id: 'ann', alive: true, closed: undefined };
    this.#connection = { connection: connected, at };
    at.host.connectSubscriber(connected);
    this.#simulation.run(2000);
    const name = `subscription-${++this.#subscriptions}`;
    this.#note(`connects to ${at.name}: ${name}, ${connected.closed}`);
    if (connected.closed !== undefined) return;
    at.host.subscribers.get('ann')!.kept.push(name);
    this.#kept.push(name);
  }

  #leave({ connection, at }: { readonly connection: Connection; readonly at: Node }): void {
    this.#note(`leaves ${at.name}`);
    at.host.disconnectSubscriber(connection);
    this.#connection = undefined;
  }

  #delete(): void {
    const asked = this.#nodes.find((node) => !node.frozen && node.side === 0 && this.#knowsEnds(node));
    if (asked === undefined) return;
    this.#note('is deleted');
    const number = asked.node.homes.endings.numberForAll(kind, 'ann');
    this.#simulation.cross(asked, () => asked.host.endSubscriber('ann', number));
    // A node that stands still for less than the time-out, or is split off together with this one, is told later.
    for (const { name } of this.#nodes)
      if (name !== asked.name) void asked.node.call(name, 'end', Buffer.from(String(number)));
    this.#kept = [];
    this.#simulation.run(10);
  }

  #freeze(node: Node): void {
    const forMs = this.#random.pick([6000, 12_000]);
    this.#note(`${node.name} stands still for ${forMs}`);
    this.#simulation.freeze(node);
    this.#simulation.after(forMs, () => this.#simulation.thaw(node));
  }

  #split(node: Node): void {
    const forMs = this.#random.pick([6000, 12_000]);
    this.#note(`${node.name} is split off for ${forMs}`);
    node.side = 1;
    this.#simulation.after(forMs, () => {
      node.side = 0;
    });
  }

  /** It may leave the subscriber to a node that can no longer be heard. */
  #drain(node: Node): void {
    if (node.frozen) return;
    this.#note(`${node.name} leaves what it keeps`);
    node.host.draining = true;
    this.#simulation.cross(node, () => node.node.homes.leave(kind, 'ann'));
    this.#simulation.after(6000, () => {
      node.host.draining = false;
    });
    this.#simulation.run(1000);
  }

  check(): void {
    if (this.#connection !== undefined) this.#leave(this.#connection);
    this.#simulation.run(40_000);
    const kept = this.#nodes.flatMap(({ host }) => host.subscribers.get('ann')?.kept ?? []);
    expect([...new Set(kept)].sort(), this.#log.join('\n')).toEqual(this.#kept.sort());
  }
}

it('A subscriber has what it subscribed to since it was deleted last, and nothing else, whatever happens to nodes', () => {
  const first = testSeed();
  for (let seed = first; seed < first + Number(runs(10)); seed++) {
    const deletions = new Deletions(seed);
    for (let step = 0; step < 30; step++) deletions.step();
    deletions.check();
  }
});

it('A subscriber that connects anew while the nodes that deleted it open their session stays deleted', () => {
  // A claim that waits for answers is sent in a session that opens later. It must not look older than the end.
  const { simulation, at, deleteAt } = deleted(false);
  simulation.start('e');
  simulation.run(5000);
  deleteAt('b', 'c', 'e');
  at('b').side = 1;
  simulation.run(2 * TIMEOUT_MS);
  at('b').side = 0;
  const c = at('c').node;
  expect(simulation.runUntil(() => c.members.get('b') !== undefined)).toBe(true);
  simulation.freeze(at('e')); // so that the claim waits
  at('c').host.connectSubscriber(connection());
  const seeks = () => c.homes.get(kind, 'ann')?.seek !== undefined;
  simulation.run(200);
  expect([seeks(), c.homes.get(kind, 'ann')!.connected]).toEqual([true, true]);
  expect(at('b').node.homes.endings.isOver(kind, 'ann', 1)).toBe(true);
});
