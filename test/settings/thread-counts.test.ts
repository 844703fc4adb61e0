import { describe, expect, it } from 'vitest';
import { resolveFanoutWorkers, resolveThreads } from '../../src/settings/thread-counts.ts';

describe('threads for subscribers', () => {
  it.each([
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 2],
    [16, 14],
    [128, 32],
  ])('of %i cores are %i where the number is auto and main holds the devices', (cores, workers) => {
    expect(resolveFanoutWorkers({ fanoutWorkers: 'auto' }, cores)).toBe(workers);
  });

  it('are as many as were asked for', () => {
    expect(resolveFanoutWorkers({ fanoutWorkers: 0 }, 16)).toBe(0);
    expect(resolveFanoutWorkers({ fanoutWorkers: 32 }, 1)).toBe(32);
  });
});

describe('threads of both kinds', () => {
  it.each([
    [1, 0, 1],
    [2, 0, 1],
    [4, 0, 2],
    [5, 2, 2],
    [8, 3, 4],
    [16, 7, 8],
    [64, 8, 32],
  ])('of %i cores are %i for devices and %i for subscribers where both are auto', (cores, ingest, fanout) => {
    const auto = { ingestWorkers: 'auto', fanoutWorkers: 'auto' } as const;
    expect(resolveThreads(auto, cores)).toEqual({ ingest, fanout });
  });

  it('leave a core to the owner and to each thread for devices that was asked for', () => {
    expect(resolveThreads({ ingestWorkers: 1, fanoutWorkers: 'auto' }, 8)).toEqual({ ingest: 1, fanout: 6 });
    expect(resolveThreads({ ingestWorkers: 4, fanoutWorkers: 'auto' }, 8)).toEqual({ ingest: 4, fanout: 3 });
    expect(resolveThreads({ ingestWorkers: 4, fanoutWorkers: 'auto' }, 2)).toEqual({ ingest: 4, fanout: 1 });
  });
});
