import { describe, expect, it } from 'vitest';
import { Random } from '../support/random.ts';
import { testSeed } from '../support/seed.ts';
import { fuzz } from './fuzz.ts';
import { fuzzInput } from './inputs.ts';
import { mutate } from './mutate.ts';

const SECONDS = 10;

describe('the fuzzer', () => {
  it('makes of a seed and a number always the same input', () => {
    for (let number = 0; number < 500; number++) expect(fuzzInput(7, number)).toEqual(fuzzInput(7, number));
    expect(fuzzInput(7, 1)).not.toEqual(fuzzInput(8, 1));
  });

  it('changes most of what it mutates, and bounds how it grows', () => {
    const random = new Random(1);
    const bytes = Buffer.from('{"op":"list","id":4}');
    const mutated = Array.from({ length: 1000 }, () => mutate(bytes, random, bytes));
    expect(mutated.filter((one) => !one.equals(bytes)).length).toBeGreaterThan(900);
    expect(Math.max(...mutated.map(({ length }) => length))).toBeLessThan(10_000);
  });

  const seed = testSeed();
  const ingestWorkers = seed % 2 === 0 ? 2 : 0;
  it(`with seed ${seed} and ${ingestWorkers} ingest threads harms nobody beside it`, async () => {
    const env = { DAT_INGEST_WORKERS: String(ingestWorkers) };
    const report = await fuzz({ seed, from: 0, inputs: Number.POSITIVE_INFINITY, seconds: SECONDS, env });
    expect(report.delivered).toBeGreaterThan(0);
    // It must get through to the hub, or it shows nothing.
    expect(report.answered).toBeGreaterThan(report.inputs / 10);
  });
});
