import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cohort, Cohorts } from '../../../src/edge/deliver/cohorts.ts';
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

  it('are the same for whoever is being sent to while they change', () => {
    const fleet = new Fleet(1);
    fleet.toggle(0, a);
    fleet.toggle(0, b);
    const { sessions } = fleet.sets[0]!;
    fleet.toggle(0, a);
    expect(sessions).toEqual([a, b]);
  });
});
