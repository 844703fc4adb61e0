import { expect, it } from 'vitest';
import type { Edge } from '../../src/edge/edge.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import type { EdgeThreads } from '../../src/supervise/edge-threads.ts';
import { sayGoodbye } from '../../src/supervise/goodbye.ts';
import type { HubMemory } from '../../src/supervise/memory.ts';

it.each([
  { drainRate: 3, counts: [15, 10, 1, 1, 0] },
  { drainRate: 1, counts: [1, 1, 1] },
  { drainRate: 1000, counts: [0, 20_000, 20_001] },
])('closes no more than $drainRate a second, however its peers are spread over threads', async (row) => {
  const { drainRate, counts } = row;
  const edges = counts.map((count) => {
    const counters = createCounters();
    new Counters(counters).cells[Counter.deviceConnections] = count;
    return { counters };
  });
  let sum = 0;
  const main = { startDraining: () => [], connectionCount: 0 } as unknown as Edge;
  const others = {
    drain: async (shareOf: (edge: number) => number) => {
      for (const [edge, count] of counts.entries()) if (count > 0) sum += shareOf(edge);
    },
  } as unknown as EdgeThreads;
  await sayGoodbye({ drainRate, drainTimeoutMs: 1 }, { edges } as unknown as HubMemory, main, others);
  expect(sum).toBeCloseTo(drainRate);
});
