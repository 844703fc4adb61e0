import { expect, it } from 'vitest';
import { createSessionNumbers, EDGES_MAX, edgeOf, sessionNumbers } from '../../src/records/sessions.ts';

const COUNTS = 2 ** 26;
const NONE = 0xffffffff;

it('name their edge, each once', () => {
  for (const edge of [0, 1, EDGES_MAX - 1]) {
    const next = sessionNumbers(createSessionNumbers(), edge, () => false);
    const sessions = Array.from({ length: 100 }, next);
    expect(sessions.map(edgeOf)).toEqual(Array(100).fill(edge));
    expect(new Set(sessions).size).toBe(100);
  }
});

it('go on where an earlier thread of the edge ended', () => {
  const memory = createSessionNumbers();
  const last = sessionNumbers(memory, 3, () => false)();
  expect(sessionNumbers(memory, 3, () => false)()).toBe(last + EDGES_MAX);
});

it('skip those that a session has', () => {
  const memory = createSessionNumbers();
  const taken = new Set([1, 2, 3].map((count) => count * EDGES_MAX + 5));
  expect(sessionNumbers(memory, 5, (session) => taken.has(session))()).toBe(4 * EDGES_MAX + 5);
});

it('begin again after the last one, and are never what names nobody', () => {
  const memory = createSessionNumbers();
  new Uint32Array(memory)[0] = COUNTS - 3;
  const next = sessionNumbers(memory, EDGES_MAX - 1, () => false);
  const [last, first] = [next(), next()];
  expect(last).toBe(((COUNTS - 2) * EDGES_MAX + EDGES_MAX - 1) >>> 0);
  expect(last).toBeLessThan(NONE);
  expect(first).toBe(EDGES_MAX + EDGES_MAX - 1);
});
