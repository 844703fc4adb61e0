import { describe, expect, it } from 'vitest';
import { findKnee, type KneeOptions } from '../../../src/cli/bench/knee.ts';
import { outcomeOf } from './sample.ts';

/** A hub that holds up to this rate. */
function hubThatHolds(most: number, change: Partial<KneeOptions> = {}): KneeOptions & { rates: number[] } {
  const rates: number[] = [];
  return {
    rates,
    firstRate: 10,
    highestRate: 1e6,
    async play(rate) {
      rates.push(rate);
      return outcomeOf([1], { load: { ...outcomeOf([]).load, rate } });
    },
    missed: ({ load }) => (load.rate > most ? ['p99'] : []),
    stepped: () => {},
    ...change,
  };
}

const heldRate = (knee: Awaited<ReturnType<typeof findKnee>>): number | undefined =>
  knee.held?.outcome.load.rate;

describe('the search for the knee', () => {
  it.each([10, 11, 37, 100, 640, 9999])('finds a hub that holds %i to a tenth', async (most) => {
    const knee = await findKnee(hubThatHolds(most));
    expect(knee.limit).toBe('hub');
    expect(heldRate(knee)).toBeLessThanOrEqual(most);
    expect(heldRate(knee)).toBeGreaterThan(most / 1.11);
  });

  it('ends at the highest rate that it may try', async () => {
    const hub = hubThatHolds(1e9, { highestRate: 100 });
    expect(await findKnee(hub)).toMatchObject({ limit: 'highest rate' });
    expect(hub.rates).toEqual([10, 20, 40, 80, 100]);
  });

  it('says when not even the first rate held, after a second try', async () => {
    const hub = hubThatHolds(5);
    const knee = await findKnee(hub);
    expect(knee.held).toBeUndefined();
    expect(hub.rates).toEqual([10, 10]);
  });

  it('tries once more what was missed once', async () => {
    let isMoody = true;
    const hub = hubThatHolds(40, {
      highestRate: 40,
      missed: ({ load }) => {
        if (load.rate !== 20 || !isMoody) return [];
        isMoody = false;
        return ['p99'];
      },
    });
    expect(heldRate(await findKnee(hub))).toBe(40);
    expect(hub.rates).toEqual([10, 20, 20, 40]);
  });

  it('ends where the generator cannot do more, and does not blame the hub', async () => {
    const hub = hubThatHolds(40, {
      play: async (rate) =>
        outcomeOf([1], {
          load: { ...outcomeOf([]).load, rate },
          generatorLimit: rate > 20 ? 'it sent 30 ms late (p99)' : undefined,
        }),
    });
    // A late generator that missed nothing has shown that the hub holds.
    const knee = await findKnee(hub);
    expect({ limit: knee.limit, held: heldRate(knee) }).toEqual({ limit: 'generator', held: 40 });
  });
});
