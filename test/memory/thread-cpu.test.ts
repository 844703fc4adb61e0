import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { threadCpuSeconds } from '../../src/memory/thread-cpu.ts';

describe('the CPU time of a thread', () => {
  it('is the first figure of its schedstat, in nanoseconds', () => {
    expect(threadCpuSeconds(() => '1250000000 77 12\n')).toBe(1.25);
  });

  it('is unknown where the file is missing or holds something else', () => {
    const missing = (): string => {
      throw new Error('ENOENT');
    };
    expect(threadCpuSeconds(missing)).toBeUndefined();
    expect(threadCpuSeconds(() => 'no figure')).toBeUndefined();
  });

  // Some kernels have no schedstat.
  it.runIf(existsSync('/proc/thread-self/schedstat'))('grows as the thread works', () => {
    const before = threadCpuSeconds()!;
    expect(before).toBeGreaterThan(0);
    const work = new Float64Array(1000);
    while (threadCpuSeconds()! < before + 0.01) work.fill(Math.random()).sort();
    expect(threadCpuSeconds()).toBeGreaterThan(before);
  });
});
