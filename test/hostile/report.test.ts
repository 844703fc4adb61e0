import { describe, expect, it } from 'vitest';
import { attackNamed, attacks } from './attacks.ts';
import { fateOf, missesOf, problemsOf, tableOf, withSection } from './report.ts';
import type { Result } from './run.ts';

const latency = { events: 300, p50: 2, p99: 5, max: 9 };
const good: Result = {
  attack: 'lists',
  row: 'ws',
  victim: {
    sent: 300,
    delivered: 300,
    gaps: 0,
    refused: 0,
    lost: 0,
    disordered: 0,
    closes: [],
    before: latency,
    during: latency,
  },
  hub: { startMiB: 100, peakMiB: 120, notAlive: 0, livezMs: 3, newcomers: 10, welcomed: 10 },
  attacker: { connections: 3, 'bytes sent': 5000, 'closed with 4101': 2 },
  exitCode: 0,
  hubErrors: [],
};
const lists = attackNamed('lists');
const takeovers = attackNamed('takeovers');

describe('the attacks', () => {
  it('have names of their own', () => {
    expect(new Set(attacks.map(({ name }) => name)).size).toBe(attacks.length);
    expect(() => attackNamed('nope')).toThrow(/there are idle-connections, /);
  });
});

describe('a result', () => {
  it('is good where everything was delivered and nothing grew', () => {
    expect(problemsOf(lists, good)).toEqual([]);
    expect(missesOf(good)).toEqual([]);
  });

  it.each<[string, Partial<Result>, RegExp]>([
    ['events were lost', { victim: { ...good.victim, lost: 1 } }, /1 of 300 events were lost without a gap/],
    ['events were doubled', { victim: { ...good.victim, disordered: 2 } }, /2 events came twice/],
    ['events were refused', { victim: { ...good.victim, refused: 3 } }, /3 of 300 events were refused/],
    [
      'the victim lost its connection',
      { victim: { ...good.victim, closes: ['device closed with 1006'] } },
      /1006/,
    ],
    ['nothing came', { victim: { ...good.victim, delivered: 0 } }, /nothing was delivered/],
    ['the hub grew', { hub: { ...good.hub, peakMiB: 2400 } }, /grew by 2300 MiB/],
    ['nobody got in', { hub: { ...good.hub, welcomed: 0 } }, /none of 10 new devices/],
    [
      'the attacker had its way',
      { attacker: { ...good.attacker, 'granted what is not allowed': 1 } },
      /granted/,
    ],
    ['there was no attack', { attacker: {} }, /did not take place/],
    ['the hub died', { exitCode: null }, /ended with null/],
    ['the hub met a bug', { hubErrors: ['a thread died'] }, /a thread died/],
  ])('is bad where %s', (_, part, problem) => {
    const problems = problemsOf(lists, { ...good, ...part });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it('with gaps is bad only where the attack must cost no event', () => {
    const withGaps: Result = { ...good, victim: { ...good.victim, delivered: 290, gaps: 10 } };
    expect(problemsOf(lists, withGaps)).toEqual(['10 of 300 events became gaps']);
    expect(problemsOf(takeovers, withGaps)).toEqual([]);
  });

  it('misses its target where the p99 is more than three times what it was, or above 100 ms', () => {
    const during = (p99: number): Result => ({
      ...good,
      victim: { ...good.victim, during: { ...latency, p99 } },
    });
    expect(missesOf(during(15))).toEqual([]);
    expect(missesOf(during(16))).toEqual(['p99 16 ms, at most 15']);
    const slow: Result = {
      ...during(110),
      victim: { ...during(110).victim, before: { ...latency, p99: 90 } },
    };
    expect(missesOf(slow)).toEqual(['p99 110 ms, at most 100']);
  });

  it('says what became of the attacker', () => {
    expect(fateOf(good.attacker)).toBe('closed with 4101 × 2');
    expect(fateOf({ connections: 1 })).toBe('served');
  });
});

describe('the table', () => {
  it('has a line per attack and a latency per way to run the hub', () => {
    const other: Result = {
      ...good,
      row: 'uws, 2 workers',
      victim: { ...good.victim, during: { ...latency, p99: 50 } },
    };
    const [head, , line, ...more] = tableOf(attacks, [good, other]).split('\n');
    expect(head).toContain('uws, 2 workers; ws');
    expect(line).toMatch(
      /^\| `lists`: .* \| all \| 5\.0 → 50 \(!\); 5\.0 → 5\.0 \| \+20 \| closed with 4101 \|$/,
    );
    expect(more).toEqual([]);
  });
});

describe('the page of the docs', () => {
  it('gets the table and what it comes to between its markers, and keeps the rest', () => {
    const page = 'before\n<!-- attacks:begin -->\nold\n<!-- attacks:end -->\nafter\n';
    const late = { ...good, victim: { ...good.victim, during: { ...latency, p99: 120 } } };
    const told = withSection(page, '| table |', [good, late]);
    expect(told).toBe(
      'before\n<!-- attacks:begin -->\n2 runs, of which none lost an event without a gap. 1 missed a target; the highest p99 ' +
        'during an attack was 120 ms.\n\n| table |\n<!-- attacks:end -->\nafter\n',
    );
    expect(withSection(told, '| table |', [good, late])).toBe(told);
    expect(() => withSection('no markers', '', [])).toThrow(/lacks its markers/);
  });
});
