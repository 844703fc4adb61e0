import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type Cohort, Cohorts, NotedEvents } from '../../../src/edge/deliver/cohorts.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';

const session = (number: number): SubscriberSession => ({ number }) as SubscriberSession;
const [a, b, c] = [session(1), session(2), session(3)];
const cohorts = (): Cohorts => new Cohorts({} as never);
const numbersOf = ({ sessions }: Cohort): number[] => sessions.map(({ number }) => number).sort();

/** Devices, each with its set. */
class Fleet {
  readonly kind = cohorts();
  readonly sets: Cohort[];
  readonly models: Set<number>[];

  constructor(devices: number) {
    this.sets = Array.from({ length: devices }, () => this.kind.empty);
    this.models = this.sets.map(() => new Set());
  }

  /** The session joins the device, or leaves it when it is there. */
  toggle(device: number, who: SubscriberSession): void {
    const isThere = this.models[device]!.has(who.number);
    const before = this.sets[device]!;
    this.sets[device] = isThere ? this.kind.leave(before, who) : this.kind.join(before, who);
    if (isThere) this.models[device]!.delete(who.number);
    else this.models[device]!.add(who.number);
  }
}

/** Sets of numbers whose hashes, xored, are 0: among 32-bit hashes there are, wherever there are more than 32. */
function relationsOf(hashes: readonly number[]): Set<number>[] {
  const basis: { hash: number; of: Set<number> }[] = [];
  const relations: Set<number>[] = [];
  for (const [n, start] of hashes.entries()) {
    let hash = start;
    let of = new Set([n]);
    for (const known of basis) {
      if ((hash ^ known.hash) >>> 0 >= hash >>> 0) continue;
      hash ^= known.hash;
      of = differenceOf(of, known.of);
    }
    if (hash === 0) relations.push(of);
    else basis.push({ hash, of });
    basis.sort((one, other) => (other.hash >>> 0) - (one.hash >>> 0));
  }
  return relations;
}

/** What is in one of both alone. */
const differenceOf = (one: Set<number>, other: Set<number>): Set<number> =>
  new Set([...one, ...other].filter((n) => !(one.has(n) && other.has(n))));

describe('the followers of a device', () => {
  it('are one set for all devices with the same ones, in whatever order they came', () => {
    const fleet = new Fleet(3);
    for (const [device, order] of [
      [a, b, c],
      [c, a, b],
      [b, c, a],
    ].entries())
      for (const who of order) fleet.toggle(device, who);
    expect(new Set(fleet.sets).size).toBe(1);
    expect(fleet.sets[0]!.uses).toBe(3);
    expect(fleet.kind.size).toBe(1);
  });

  it('of one device change, and those of the others do not', () => {
    const fleet = new Fleet(3);
    for (const device of [0, 1, 2]) for (const who of [a, b]) fleet.toggle(device, who);
    fleet.toggle(1, a);
    expect(fleet.sets.map(numbersOf)).toEqual([[1, 2], [2], [1, 2]]);
    fleet.toggle(1, a);
    expect(new Set(fleet.sets).size).toBe(1);
  });

  it('leave nothing behind when they have all gone', () => {
    const fleet = new Fleet(50);
    for (let twice = 0; twice < 2; twice++)
      for (const who of [a, b, c]) for (let device = 0; device < 50; device++) fleet.toggle(device, who);
    expect(fleet.kind.size).toBe(0);
    expect(fleet.sets.every((set) => set === fleet.kind.empty)).toBe(true);
  });

  it('are who joined and has not left, and equal ones are one set, whatever came before', () => {
    const step = fc.record({ device: fc.nat(5), who: fc.nat(6) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const fleet = new Fleet(6);
        const sessions = Array.from({ length: 7 }, (_, n) => session(n + 1));
        for (const { device, who } of steps) {
          fleet.toggle(device, sessions[who]!);
          const models = fleet.models.map((model) => [...model].sort().join());
          expect(fleet.sets.map((set) => numbersOf(set).join())).toEqual(models);
          const inUse = new Set(fleet.sets.filter((set) => set !== fleet.kind.empty));
          expect(inUse.size).toBe(new Set(models.filter((model) => model !== '')).size);
          expect(fleet.kind.size).toBe(inUse.size);
        }
      }),
    );
  });

  it('of several devices that have all gone leave room for others', () => {
    const fleet = new Fleet(3);
    for (const device of [0, 1]) fleet.toggle(device, a);
    for (const device of [0, 1]) fleet.toggle(device, a);
    expect(fleet.kind.empty.uses).toBe(0);
    fleet.toggle(2, b);
    expect(fleet.sets.map(numbersOf)).toEqual([[], [], [2]]);
  });

  it('of one device alone change in place', () => {
    const fleet = new Fleet(1);
    fleet.toggle(0, a);
    const [set] = fleet.sets;
    for (const who of [b, c, a]) fleet.toggle(0, who);
    expect(fleet.sets[0]).toBe(set);
    expect(numbersOf(set!)).toEqual([2, 3]);
  });

  it('take a step anew where what it led to has become another set', () => {
    const fleet = new Fleet(2);
    for (const device of [0, 1]) fleet.toggle(device, a);
    fleet.toggle(0, b);
    fleet.toggle(1, c); // in place: the set remembers no step any more
    fleet.toggle(1, b);
    expect(fleet.sets.map(numbersOf)).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
  });

  it('take the same step device by device without a look at the members', () => {
    const fleet = new Fleet(50);
    for (const who of [a, b]) for (let device = 0; device < 50; device++) fleet.toggle(device, who);
    const filter = vi.spyOn(fleet.sets[0]!.sessions as SubscriberSession[], 'filter');
    for (let device = 0; device < 50; device++) fleet.toggle(device, a);
    expect(filter).toHaveBeenCalledTimes(1);
    expect(new Set(fleet.sets).size).toBe(1);
    expect([fleet.sets[0]!.uses, fleet.kind.size]).toEqual([50, 1]);
  });

  it('are the same for whoever is being sent to while they change', () => {
    const fleet = new Fleet(1);
    fleet.toggle(0, a);
    fleet.toggle(0, b);
    const { sessions } = fleet.sets[0]!;
    fleet.toggle(0, a);
    expect(sessions).toEqual([a, b]);
  });
});

describe('sets with the same hash', () => {
  const many = Array.from({ length: 40 }, (_, n) => session(n + 1));
  /** Of the hashes of these, an even number xored is 0. */
  function collision(): SubscriberSession[] {
    const kind = cohorts();
    const relations = relationsOf(many.map((who) => kind.join(kind.empty, who).hash));
    const [first, second] = relations.filter(({ size }) => size % 2 === 1);
    const even = relations.find(({ size }) => size % 2 === 0) ?? differenceOf(first!, second!);
    return [...even].map((n) => many[n]!);
  }

  it('are told apart by their members, and leave one by one', () => {
    const colliding = collision();
    const half = colliding.length / 2;
    const fleet = new Fleet(4);
    const halves = [colliding.slice(0, half), colliding.slice(half)];
    for (const [device, members] of [...halves, ...halves].entries())
      for (const who of members) fleet.toggle(device, who);
    const [one, other] = fleet.sets;
    expect(one!.hash).toBe(other!.hash);
    expect(fleet.sets.map((set) => set === one)).toEqual([true, false, true, false]);
    expect(fleet.sets[3]).toBe(other);
    expect([one!.uses, other!.uses, fleet.kind.size]).toEqual([2, 2, 2]);
    for (const [device, left] of [
      [0, 2],
      [2, 1],
      [1, 1],
      [3, 0],
    ] as const) {
      for (const who of halves[device % 2]!) fleet.toggle(device, who);
      expect(fleet.sets[device]).toBe(fleet.kind.empty);
      expect(fleet.kind.size).toBe(left);
    }
  });

  it('are told apart where both have members in common', () => {
    const colliding = collision();
    const half = colliding.length / 2;
    const common = session(1000);
    const fleet = new Fleet(2);
    for (const who of [common, ...colliding.slice(0, half)]) fleet.toggle(0, who);
    for (const who of [common, ...colliding.slice(half)]) fleet.toggle(1, who);
    expect(fleet.sets[0]!.hash).toBe(fleet.sets[1]!.hash);
    expect(fleet.sets[0]).not.toBe(fleet.sets[1]);
    expect(fleet.kind.size).toBe(2);
  });

  it('are told apart where one has all members of the other, and more', () => {
    const colliding = collision();
    const alone = session(1000);
    const fleet = new Fleet(2);
    fleet.toggle(0, alone);
    for (const who of [alone, ...colliding]) fleet.toggle(1, who);
    expect(fleet.sets.map(numbersOf)).toEqual([
      [1000],
      [alone, ...colliding].map(({ number }) => number).sort(),
    ]);
    expect(fleet.sets[0]!.hash).toBe(fleet.sets[1]!.hash);
    expect(fleet.kind.size).toBe(2);
  });
});

describe('events that are noted', () => {
  it('are kept side by side until they are cleared', () => {
    const noted = new NotedEvents();
    const [names, views] = [{}, {}] as [never, never];
    for (let twice = 0; twice < 2; twice++) {
      noted.push(names, views, 8, 1);
      noted.push(names, views, 16, 0);
      expect(noted.size).toBe(2);
      expect([noted.names, noted.views, noted.offsets, noted.replaced]).toEqual([
        [names, names],
        [views, views],
        [8, 16],
        [1, 0],
      ]);
      noted.clear();
      expect([noted.size, noted.names, noted.views, noted.replaced]).toEqual([0, [], [], []]);
    }
  });
});

it('a set of a device is due for nothing, used by nobody and remembers no step when it is new', () => {
  const { empty } = cohorts();
  expect([empty.sessions, empty.hash, empty.uses, empty.version, empty.isDue]).toEqual([[], 0, 0, 0, false]);
  expect(empty.noted.map(({ size }) => size)).toEqual([0, 0, 0]);
});
