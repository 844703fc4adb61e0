import { describe, expect, it } from 'vitest';
import {
  createRing,
  RingConsumer,
  RingProducer,
  recordBytesMax,
  ringUsedRatio,
  Share,
} from '../../src/memory/ring.ts';

const fill = (ring: RingProducer, share: number): number => {
  let count = 0;
  while (ring.claim(1, 56, share) >= 0) count += 1;
  return count;
};

describe('a full ring', () => {
  it('refuses low first, then normal, then high, and keeps control records in order for later', () => {
    const memory = createRing(4096);
    const producer = new RingProducer(memory);
    const consumer = new RingConsumer(memory);
    expect([fill(producer, Share.low), fill(producer, Share.normal), fill(producer, Share.high)]).toEqual([
      32, 16, 12,
    ]);
    for (let i = 0; i < 10; i++) {
      const offset = producer.claimControl(2, 56);
      producer.views.u32[offset >> 2] = i;
    }
    expect(producer.spilledCount).toBe(6);
    expect(producer.claim(1, 56, Share.high)).toBe(-1);
    producer.publish();
    const controls: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      for (let offset = consumer.next(); offset >= 0; offset = consumer.next()) {
        if (consumer.kind === 2) controls.push(consumer.views.u32[offset >> 2]!);
      }
      consumer.release();
      producer.publish();
    }
    expect(controls).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(producer.spilledCount).toBe(0);
    expect(ringUsedRatio(memory)).toBe(0);
  });

  it('shows nothing before publish and gives room back only with release', () => {
    const memory = createRing(4096);
    const producer = new RingProducer(memory);
    const consumer = new RingConsumer(memory);
    producer.claim(1, 8, Share.high);
    expect(consumer.next()).toBe(-1);
    producer.publish();
    expect(consumer.next()).toBeGreaterThanOrEqual(0);
    expect(ringUsedRatio(memory)).toBeGreaterThan(0);
    consumer.release();
    expect(ringUsedRatio(memory)).toBe(0);
  });

  it('throws on a record that can never fit, and on a size that is no power of two', () => {
    const producer = new RingProducer(createRing(4096));
    expect(() => producer.claim(1, recordBytesMax(4096) + 1, Share.high)).toThrow(RangeError);
    expect(() => createRing(5000)).toThrow(RangeError);
  });
});
