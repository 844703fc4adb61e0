import { describe, expect, it, onTestFinished } from 'vitest';
import { DescriptorReserve } from '../../src/supervise/descriptor-reserve.ts';

function reserveOf(size: number): DescriptorReserve {
  const reserve = new DescriptorReserve(size);
  onTestFinished(() => reserve.release());
  return reserve;
}

describe('a reserve of descriptors', () => {
  it('is kept until it is released', () => {
    const reserve = reserveOf(4);
    expect(reserve.held).toBe(0);
    reserve.keep();
    reserve.keep();
    expect(reserve.held).toBe(4);
    reserve.release();
    expect(reserve.held).toBe(0);
  });

  it('is lent while works run, and taken again after the last, also when it fails', async () => {
    const reserve = reserveOf(4);
    reserve.keep();
    let end = (): void => {};
    const first = reserve.lend(() => new Promise<void>((resolve) => (end = resolve)));
    const second = reserve.lend(async () => {
      expect(reserve.held).toBe(0);
      throw new Error('no file');
    });
    await expect(second).rejects.toThrow('no file');
    expect(reserve.held).toBe(0);
    end();
    await first;
    expect(reserve.held).toBe(4);
  });

  it('is not taken after it was released while it was lent', async () => {
    const reserve = reserveOf(4);
    reserve.keep();
    await reserve.lend(async () => reserve.release());
    expect(reserve.held).toBe(0);
  });
});
