import { describe, expect, it } from 'vitest';
import { followedBy } from '../../../src/cli/demo/audience.ts';

describe('the audience of a demo', () => {
  const devices = Array.from({ length: 50 }, (_, n) => `demo-${n}`);

  it('has one subscriber that follows all, and others that follow a fifth each', () => {
    const [wall, ...others] = followedBy(devices, 12);
    expect(wall).toEqual(devices);
    expect(others).toHaveLength(11);
    for (const followed of others) expect(new Set(followed).size).toBe(10);
  });

  it('leaves no device unwatched', () => {
    const [, ...others] = followedBy(devices, 12);
    expect(new Set(others.flat()).size).toBe(devices.length);
  });

  it('can be empty, and follow a single device', () => {
    expect(followedBy(devices, 0)).toEqual([]);
    expect(followedBy(['a'], 3)).toEqual([['a'], ['a'], ['a']]);
  });
});
