import { describe, expect, it } from 'vitest';
import { shapes } from '../../../bench/load/shapes.ts';
import { audiences, dueTimes, followedDevices, isVip, own } from '../../../src/cli/bench/load.ts';

describe('a load', () => {
  // `sparse` has no readers for most of its devices.
  it.each(shapes.filter(({ devices, subscribers, following }) => subscribers * following >= devices))(
    '$name is spread evenly over its devices',
    (load) => {
      const { subscribers, following, devices } = load;
      expect(new Set(audiences(load))).toEqual(new Set([(subscribers * following) / devices]));
    },
  );

  it('knows the audience of each device where it cannot be even', () => {
    const load = { devices: 10, rate: 1, subscribers: 3, following: 4 };
    const counts = [...audiences(load)];
    expect(counts.reduce((sum, count) => sum + count)).toBe(12);
    for (const [device, count] of counts.entries()) {
      const followers = [0, 1, 2].filter((subscriber) => followedDevices(load, subscriber).includes(device));
      expect(count).toBe(followers.length);
    }
    expect([...audiences({ ...load, subscribers: 0, following: 0 })]).toEqual(Array(10).fill(0));
  });

  it('spreads its vips over the subscribers', () => {
    const load = shapes.find(({ name }) => name === 'vip')!;
    const vips = Array.from({ length: load.subscribers }, (_, index) => isVip(load, index));
    expect(vips.filter(Boolean).length).toBe(500);
    expect(vips.slice(0, 100).filter(Boolean).length).toBe(50);
  });

  it('has the devices take turns, evenly over the second', () => {
    const all = dueTimes({ devices: 4, rate: 100 }, [0, 1, 2, 3]);
    expect([0, 1, 2, 3, 4].map(all)).toEqual([0, 2500, 5000, 7500, 10_000]);
    const second = dueTimes({ devices: 4, rate: 100 }, [1, 3]);
    expect([0, 1, 2].map(second)).toEqual([2500, 7500, 12_500]);
  });

  it('has the events of a burst all due at its start', () => {
    const due = dueTimes({ devices: 4, rate: 100, burstMs: 10 }, [0, 1, 2, 3]);
    expect([0, 1, 2, 3, 4].map(due)).toEqual([0, 0, 0, 0, 10_000]);
  });

  it('is shared out to processes without a gap', () => {
    const shares = [0, 1, 2].map((index) => own(8, { index, of: 3 }));
    expect(shares).toEqual([
      [0, 3, 6],
      [1, 4, 7],
      [2, 5],
    ]);
    expect(own(1, { index: 1, of: 3 })).toEqual([]);
  });
});
