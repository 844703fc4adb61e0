import { describe, expect, it } from 'vitest';
import { paced } from './pace.ts';

describe('a pace', () => {
  it('ends when it is over, though it is far behind', async () => {
    const over = new AbortController();
    const acts: number[] = [];
    await paced(1e6, over.signal, async (n) => {
      acts.push(n);
      // Each act takes longer than it may at this rate.
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (n === 20) over.abort();
    });
    expect(acts).toEqual(Array.from({ length: 21 }, (_, n) => n));
  });

  it('lets timers run, though acts cost no time', async () => {
    const over = new AbortController();
    let isLate = false;
    const busyUntilMs = performance.now() + 300;
    setTimeout(() => over.abort(), 310);
    await paced(500, over.signal, () => {
      while (performance.now() < busyUntilMs); // held up far longer than it makes up for
      isLate = true;
    });
    expect(isLate).toBe(true);
  });
});
