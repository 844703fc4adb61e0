import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Arrival, Arrivals } from '../../src/transport/arrivals.ts';
import { FakeClock } from '../support/fake-clock.ts';

class Gate {
  readonly clock = new FakeClock();
  readonly dropped: string[] = [];
  readonly reasons: string[] = [];
  readonly arrivals: Arrivals;

  constructor(total = 8, perNetwork = 4) {
    this.arrivals = new Arrivals({
      limits: { total: () => total, perNetwork, timeoutMs: 10_000 },
      clock: this.clock,
      networkOf: (address) => address.split(':')[0] ?? '',
      dropped: (why) => this.reasons.push(why),
    });
  }

  add(...names: readonly string[]): Arrival[] {
    return names.map((name) => this.arrivals.add(name, () => this.dropped.push(name)));
  }
}

describe('connections that wait', () => {
  it('are dropped after a while, the others stay', () => {
    const gate = new Gate();
    gate.add('a:1', 'b:1');
    gate.clock.nowMs += 6000;
    gate.add('a:2');
    gate.clock.nowMs += 4000;
    gate.arrivals.tick();
    expect(gate.dropped).toEqual(['a:1', 'b:1']);
    expect(gate.reasons).toEqual(['timeout', 'timeout']);
    expect(gate.arrivals.count).toBe(1);
  });

  it('are left alone once they are settled', () => {
    const gate = new Gate();
    const [one] = gate.add('a:1', 'a:2');
    one?.settle();
    one?.settle();
    gate.clock.nowMs += 10_000;
    gate.arrivals.tick();
    expect(gate.dropped).toEqual(['a:2']);
    expect(gate.arrivals.count).toBe(0);
  });

  it('are as many from one network as set: one more, and its oldest goes, if it has had a second', () => {
    const gate = new Gate();
    gate.add('b:1', 'a:1', 'a:2', 'a:3', 'a:4', 'a:5');
    gate.clock.nowMs += 999;
    gate.add('a:6');
    expect(gate.dropped).toEqual([]);
    gate.clock.nowMs += 1;
    gate.add('a:7');
    expect(gate.dropped).toEqual(['a:1']);
    expect(gate.reasons).toEqual(['crowded']);
  });

  it('are as many in all as set: the crowd makes room for itself, and the oldest for a newcomer', () => {
    const gate = new Gate(6);
    gate.add('b:1', 'a:1', 'a:2', 'a:3', 'a:4', 'c:1');
    expect(gate.dropped).toEqual([]);
    gate.add('c:2'); // one of two, of seven in three networks: not above the average
    expect(gate.dropped).toEqual(['b:1']);
    gate.add('a:5');
    expect(gate.dropped).toEqual(['b:1', 'a:1']);
  });

  it('are never more than the limits, and nobody is dropped who was settled', () => {
    const step = fc.oneof(
      fc.record({ add: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ settle: fc.nat(40) }),
      fc.record({ pass: fc.nat(6000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const gate = new Gate();
        const settled = new Set<string>();
        const all: { name: string; arrival: Arrival }[] = [];
        for (const one of steps) {
          if ('add' in one) {
            const name = `${one.add}:${all.length}`;
            all.push({ name, arrival: gate.add(name)[0] as Arrival });
          } else if ('settle' in one) {
            const chosen = all[one.settle];
            if (chosen === undefined || gate.dropped.includes(chosen.name)) continue;
            chosen.arrival.settle();
            settled.add(chosen.name);
          } else {
            gate.clock.nowMs += one.pass;
            gate.arrivals.tick();
          }
          const waiting = all.filter(({ name }) => !settled.has(name) && !gate.dropped.includes(name));
          expect(gate.arrivals.count).toBe(waiting.length);
          expect(waiting.length).toBeLessThanOrEqual(8);
        }
        expect(gate.dropped.filter((name) => settled.has(name))).toEqual([]);
        expect(new Set(gate.dropped).size).toBe(gate.dropped.length);
      }),
    );
  });
});
