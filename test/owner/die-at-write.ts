/** An owner that dies at a write to memory that threads share. */
import { vi } from 'vitest';

class Died extends Error {}

/** Lets whoever acts die at the n-th write of `act`. @returns whether there were as many, so that it did */
export function dieAtWrite(n: number, act: () => void): boolean {
  let left = n;
  for (const name of ['store', 'add', 'sub'] as const) {
    const write = Atomics[name] as (...args: unknown[]) => unknown;
    vi.spyOn(Atomics, name).mockImplementation(((...args: unknown[]) => {
      left -= 1;
      if (left < 0) throw new Died();
      return write.call(Atomics, ...args);
    }) as never);
  }
  try {
    act();
    return false;
  } catch (failure) {
    if (!(failure instanceof Died)) throw failure;
    return true;
  } finally {
    vi.restoreAllMocks();
  }
}
