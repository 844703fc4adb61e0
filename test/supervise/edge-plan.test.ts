import { describe, expect, it } from 'vitest';
import { EDGES_MAX } from '../../src/records/sessions.ts';
import { FANOUT_WORKERS_MAX, INGEST_WORKERS_MAX } from '../../src/settings/rows/threads.ts';
import { edgesOf, planEdges } from '../../src/supervise/edge-plan.ts';

describe('the plan of edges', () => {
  it('leaves to main what no other thread takes', () => {
    const listenersOfMain = (ingest: number, fanout: number) => planEdges({ ingest, fanout })[0]!.listeners;
    expect(listenersOfMain(0, 0)).toEqual(['device', 'subscriber']);
    expect(listenersOfMain(0, 1)).toEqual(['device']);
    expect(listenersOfMain(1, 0)).toEqual(['subscriber']);
    expect(listenersOfMain(2, 2)).toEqual([]);
  });

  it('numbers the edges in their order, and names each by its role', () => {
    const plan = planEdges({ ingest: 2, fanout: 2 });
    expect(plan.map(({ edge }) => edge)).toEqual([0, 1, 2, 3, 4]);
    expect(plan.map(({ name }) => name)).toEqual(['main', 'ingest-0', 'ingest-1', 'fanout-0', 'fanout-1']);
    expect(edgesOf(plan, 'device').map(({ name }) => name)).toEqual(['ingest-0', 'ingest-1']);
    expect(edgesOf(plan, 'subscriber').map(({ name }) => name)).toEqual(['fanout-0', 'fanout-1']);
  });

  it('has a number for every edge that settings can ask for, and some to spare', () => {
    const plan = planEdges({ ingest: INGEST_WORKERS_MAX, fanout: FANOUT_WORKERS_MAX });
    expect(plan.length).toBeLessThan(EDGES_MAX);
  });
});
