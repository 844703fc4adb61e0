import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { changeLines, kneeLines, outcomeLines } from '../../../src/cli/bench/report-text.ts';
import {
  compare,
  isSameLoad,
  type Result,
  readResult,
  resultOf,
  type Terms,
} from '../../../src/cli/bench/result.ts';
import { missed } from '../../../src/cli/bench/thresholds.ts';
import { outcomeOf } from './sample.ts';

describe('a result', () => {
  it('is one JSON object with counts, and latencies in ms', () => {
    const result = resultOf(outcomeOf([1, 2, 4]), []);
    expect(JSON.parse(JSON.stringify(result))).toMatchObject({
      ...{ sent: 3, delivered: 3, lost: 0, doubled: 0, disordered: 0 },
      ...{ p50: 2, p99: 4, max: 4, generatorLimit: null },
      load: { devices: 10, rate: 5, subscribers: 4, following: 5, bytes: 128 },
    });
    expect(resultOf(outcomeOf([]), [])).toMatchObject({ p50: null, max: null });
  });

  it('is read from the last line of a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'dat-result-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'before.json');
    const result = resultOf(outcomeOf([1]), []);
    writeFileSync(file, `a note\n${JSON.stringify(result)}\n`);
    expect(readResult(file)).toEqual(result);
    writeFileSync(file, '{"no":"result"}\n');
    expect(() => readResult(file)).toThrow('expected what "dat bench --json" has printed');
    expect(() => readResult(join(folder, 'none'))).toThrow('no such file');
  });
});

describe('two results', () => {
  const before = resultOf(outcomeOf([1, 1, 1, 2]), []);
  const worseOf = (latenciesMs: readonly number[], change = {}): string[] =>
    compare(before, resultOf(outcomeOf(latenciesMs, change), []), 0.25)
      .filter(({ isWorse }) => isWorse)
      .map(({ figure }) => figure);

  it('differ for the worse by more than the tolerance, the largest latency aside', () => {
    expect(worseOf([1.2, 1.2, 1.2, 2.4])).toEqual([]);
    expect(worseOf([1.3, 1.3, 1.3, 2])).toEqual(['p50 ms']);
    expect(worseOf([1, 1, 1, 9], { deliveriesPerSecond: 0.1 })).toEqual(['p90 ms', 'p99 ms', 'deliveries/s']);
  });

  it('are not judged where their loads differ', () => {
    const other = { ...outcomeOf([]).load, devices: 11 };
    expect(worseOf([9, 9, 9, 9], { load: other })).toEqual([]);
    const after = resultOf(outcomeOf([9], { load: other }), []);
    expect(isSameLoad(before, after)).toBe(false);
    expect(changeLines(compare(before, after, 0.25), false)[0]).toContain('different loads');
  });
});

describe('two results with a knee', () => {
  const kneeOf = (rate: number, latencyMs: number, terms: Terms = {}): Result => {
    const outcome = outcomeOf([latencyMs], { load: { ...outcomeOf([]).load, rate } });
    const held = { outcome, missed: [] };
    return resultOf(outcome, [], { steps: [held], held, limit: 'hub' }, terms);
  };
  const worseOf = (before: Result, after: Result): string[] =>
    compare(before, after, 0.25)
      .filter(({ isWorse }) => isWorse)
      .map(({ figure }) => figure);

  it('are judged by the rates that held, not by the latencies at two rates', () => {
    expect(worseOf(kneeOf(10, 1), kneeOf(20, 9))).toEqual([]);
    expect(worseOf(kneeOf(20, 9), kneeOf(10, 1))).toEqual(['knee, events/s']);
  });

  it('are not judged where another threshold was to be held', () => {
    const before = kneeOf(20, 9, { thresholds: { maxLost: 0, maxP99: 50 } });
    expect(worseOf(before, kneeOf(10, 1, { thresholds: { maxLost: 0, maxP99: 5 } }))).toEqual([]);
    expect(worseOf(before, kneeOf(10, 1, { thresholds: { maxLost: 0, maxP99: 50 } }))).not.toEqual([]);
    expect(isSameLoad(before, kneeOf(10, 1))).toBe(true); // of a version that did not write it
  });
});

it('takes results of two encodings or protocols for two loads', () => {
  const over = (wire: string): Result => resultOf(outcomeOf([1]), [], undefined, { wire });
  expect(isSameLoad(over('websocket'), over('websocket'))).toBe(true);
  expect(isSameLoad(over('websocket'), over('mqtt-tcp'))).toBe(false);
  expect(isSameLoad(resultOf(outcomeOf([1]), []), over('mqtt-tcp'))).toBe(true);
});

describe('the thresholds', () => {
  it('are missed by events that are refused or not sent, also where nobody follows their devices', () => {
    const outcome = outcomeOf([], { refused: 3, unsent: 2 });
    expect(missed(outcome, { maxLost: 1 })).toEqual(['refused 3, at most 1', 'not sent 2, at most 1']);
    expect(missed(outcome, { maxLost: 3 })).toEqual([]);
  });

  it('of latency are missed when nothing was delivered', () => {
    expect(missed(outcomeOf([]), { maxLost: 0, maxP50: 5, maxP99: 5 })).toEqual([
      'p50: nothing was delivered',
      'p99: nothing was delivered',
    ]);
    expect(missed(outcomeOf([]), { maxLost: 0 })).toEqual([]);
  });

  it('are missed by what is above them, and by every wrong event', () => {
    const outcome = outcomeOf([1, 2, 30], { lost: 3, doubled: 1, disordered: 2, cutOff: 1 });
    expect(missed(outcome, { maxLost: 2, maxP50: 1.5, maxP99: 30 })).toEqual([
      'lost 3, at most 2',
      'doubled 1, at most 0',
      'out of order 2, at most 0',
      'cut off 1, at most 0',
      'p50 2 ms, at most 1.5 ms',
    ]);
    expect(missed(outcomeOf([1]), { maxLost: 0, maxP99: 1 })).toEqual([]);
  });
});

describe('the report', () => {
  it('says what came out, and what to make of it', () => {
    const outcome = outcomeOf([1, 2], {
      ...{ lost: 5, told: 3, refused: 4, reasons: ['events were refused: too fast'] },
      generatorLimit: 'it sent 30 ms late (p99)',
    });
    const text = outcomeLines(outcome, ['lost 5, at most 0']).join('\n');
    expect(text).toContain('10 devices × 5/s to 4 subscribers × 5 devices, 10 s');
    expect(text).toContain('5 lost (3 of them told), 0 doubled, 0 out of order');
    expect(text).toMatch(/latency ms +p50 1\.00 .*p99\.9 2\.00 +max 2\.00/);
    expect(text).toContain('the generator was the limit: it sent 30 ms late (p99)');
    expect(text).toContain('missed: lost 5, at most 0');
  });

  it('shows the steps to the knee, and what held', () => {
    const held = { outcome: outcomeOf([1]), missed: [] };
    const more = { outcome: outcomeOf([90], { load: { ...held.outcome.load, rate: 10 } }), missed: ['p99'] };
    const text = kneeLines({ steps: [held, more], held, limit: 'hub' }).join('\n');
    expect(text).toMatch(/\n50 .* held\n100 .* missed\n/);
    expect(text).toContain('held: 50 events/s, 5/s of each device');
    expect(kneeLines({ steps: [more], held: undefined, limit: 'hub' }).join()).toContain(
      'not even the first',
    );
  });
});
