import { describe, expect, it } from 'vitest';
import { collectPage } from '../../src/admin/pages.ts';
import { Registry } from '../../src/owner/registry.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';

const DEVICES = 300_000;

/** A table of offline devices `d0`, `d1`, …, of which only the last one's id has an `x`. */
function largeTable(): PresenceReader {
  const memory = createPresence({ devices: DEVICES, subscribers: 1, subscriptions: 1 });
  const registry = new Registry(memory, 1);
  for (let n = 0; n < DEVICES; n++) {
    const id = Buffer.from(n === DEVICES - 1 ? 'x' : `d${n}`);
    registry.ensureDevice(id, 0, id.length);
  }
  return new PresenceReader(memory);
}

describe('a page of a large table', () => {
  const table = largeTable();
  const needle = Buffer.from('x');
  const search = (from: number, limit: number) =>
    table.deviceSlots(from, limit, (_, slot) => table.deviceIdIncludes(slot, needle));

  it('is looked for in parts, between which the thread turns to other work', async () => {
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 0);
    const longest = { slots: 0 };
    const page = await collectPage(0, 10, (from, limit) => {
      const found = search(from, limit);
      longest.slots = Math.max(longest.slots, (found.next ?? DEVICES) - from);
      return found;
    });
    clearInterval(timer);
    expect(longest.slots).toBeLessThan(10_000);
    expect(turns).toBeGreaterThan(0);
    expect(page.slots).toEqual([]);
    expect(page.next).toBeGreaterThan(100_000);
  });

  it('may be empty and not the last; what is there is found by going on', async () => {
    const found: number[] = [];
    let pages = 0;
    for (let from: number | undefined = 0; from !== undefined; pages++) {
      const { slots, next }: { slots: readonly number[]; next: number | undefined } = await collectPage(
        from,
        10,
        search,
      );
      found.push(...slots);
      from = next;
    }
    expect([found, pages]).toEqual([[DEVICES - 1], 2]);
  });

  it('is full where there are enough, and the pages name each device once', async () => {
    const seen = new Set<number>();
    const all = (from: number, limit: number) => table.deviceSlots(from, limit, () => true);
    for (let from: number | undefined = 0, left = 30; from !== undefined && left > 0; left--) {
      const { slots, next }: { slots: readonly number[]; next: number | undefined } = await collectPage(
        from,
        1000,
        all,
      );
      expect(slots).toHaveLength(1000);
      for (const slot of slots) seen.add(slot);
      from = next;
    }
    expect(seen.size).toBe(30_000);
  });
});
