import { ok, strictEqual } from 'node:assert/strict';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ArenaReader } from '../../src/memory/arena.ts';
import { IdMapReader } from '../../src/memory/id-map.ts';
import { Registry } from '../../src/owner/registry.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { collidingIds, fnv } from '../support/colliding-ids.ts';

/** As many as `collidingIds` makes. */
const IDS = 2 ** 14;

afterEach(() => {
  vi.restoreAllMocks();
});

describe('ids that were chosen to collide', () => {
  it('cost no more than others to add, to find and to remove', () => {
    const ids = collidingIds().map((id) => Buffer.from(id));
    expect(new Set(ids.map(String)).size).toBe(IDS);
    expect(new Set(ids.map((id) => fnv(String(id)))).size).toBe(1);
    expect(Math.max(...ids.map(({ length }) => length))).toBeLessThanOrEqual(128);
    const memory = createPresence({ devices: ids.length, subscribers: 1, subscriptions: 1 });
    const registry = new Registry(memory, 1);
    const compared = vi.spyOn(ArenaReader.prototype, 'equals');
    const slots: number[] = [];
    for (const id of ids) {
      slots.push(registry.ensureDevice(id, 0, id.length));
      // Before, the n-th was compared with all before it: this would take a minute.
      ok(compared.mock.calls.length < 100);
    }
    for (const [index, id] of ids.entries()) strictEqual(registry.findDevice(id, 0, id.length), slots[index]);
    expect(compared.mock.calls.length).toBeLessThan(ids.length + 200);
    const { rows } = registry.devices;
    const map = new IdMapReader(memory.deviceIds, rows.id, new ArenaReader(memory.arena));
    expect(map.longestProbe()).toBeLessThan(500);
    for (const slot of slots) registry.freeDevice(slot);
    expect(map.longestProbe()).toBe(0);
  });
});
