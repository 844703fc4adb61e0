import { ok, strictEqual } from 'node:assert/strict';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ArenaReader } from '../../src/memory/arena.ts';
import { IdMapReader } from '../../src/memory/id-map.ts';
import { Registry } from '../../src/owner/registry.ts';
import { createPresence } from '../../src/presence/table.ts';

const BLOCKS = 14;

/** FNV-1a, by which ids were hashed without a key, from any state on. */
function fnv(state: number, text: string): number {
  let hash = state;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/**
 * 2^14 ids of one FNV-1a hash: from each state two blocks that lead to the same next state, so that any choice of blocks
 * ends in the same hash.
 */
function collidingIds(): string[] {
  let hash = 0x811c9dc5;
  let ids = [''];
  for (let block = 0; block < BLOCKS; block++) {
    const seen = new Map<number, string>();
    for (let n = 0; ; n++) {
      const text = (Math.imul(n, 0x9e3779b1) >>> 0).toString(36);
      const next = fnv(hash, text);
      const other = seen.get(next);
      if (other === undefined) seen.set(next, text);
      else {
        ids = ids.flatMap((id) => [id + text, id + other]);
        hash = next;
        break;
      }
    }
  }
  return ids;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('ids that were chosen to collide', () => {
  it('cost no more than others to add, to find and to remove', () => {
    const ids = collidingIds().map((id) => Buffer.from(id));
    expect(new Set(ids.map(String)).size).toBe(2 ** BLOCKS);
    expect(new Set(ids.map((id) => fnv(0x811c9dc5, String(id)))).size).toBe(1);
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
