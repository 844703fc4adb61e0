import { describe, expect, it } from 'vitest';
import { useHub } from '../../conformance/harness.ts';
import { dat, portsOf } from '../run.ts';

describe('dat top', () => {
  const hub = useHub({});

  it('prints the figures once where it is told so', async () => {
    const json = await dat(['top', '--once', '--json'], portsOf(hub));
    expect(json.code).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({
      rates: {},
      threads: expect.any(Array),
      busiest: expect.any(Array),
    });
    const text = await dat(['top', '--once'], portsOf(hub));
    expect(text.stdout).toMatch(/events\/s .+deliveries\/s/);
    expect(text.stdout).toMatch(/THREAD\s+LAG/);
  });
});
