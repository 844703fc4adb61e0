import { describe, expect, it } from 'vitest';
import { type ListQuestion, Ordering } from '../../src/admin/live-order.ts';
import { Registry } from '../../src/owner/registry.ts';
import { DeviceState } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { Random } from '../support/random.ts';

const all: ListQuestion = { filter: '', search: '', state: undefined, column: undefined, descending: false };

function table(devices: number): { registry: Registry; presence: PresenceReader } {
  const memory = createPresence({ devices, subscribers: 8, subscriptions: 8 });
  return { registry: new Registry(memory, 1), presence: new PresenceReader(memory) };
}

describe('Ordering', () => {
  it('keeps the first of many in order, however the table is cut into steps', () => {
    const count = 20_000;
    const { registry, presence } = table(count);
    const random = new Random(7);
    const events: number[] = [];
    for (let n = 0; n < count; n++) {
      const id = Buffer.from(`dev-${n}`);
      const slot = registry.ensureDevice(id, 0, id.length);
      registry.devices.rows.seq[slot] = random.below(1000);
      events[slot] = registry.devices.rows.seq[slot]!;
      if (n % 3 === 0) registry.setDeviceState(slot, DeviceState.online);
    }
    const expected = events
      .map((seq, slot) => ({ seq, slot }))
      .sort((one, other) => other.seq - one.seq || one.slot - other.slot)
      .slice(0, 700)
      .map(({ slot }) => slot);
    for (const stepsMax of [1, 3, 1000]) {
      const ordering = new Ordering(presence, { ...all, column: 'events', descending: true }, 700);
      let looks = 0;
      while (ordering.step(() => ++looks % stepsMax === 0));
      const { slots, total, states } = ordering.result();
      expect(slots).toEqual(expected);
      expect([total, states]).toEqual([count, { online: 6667, stale: 0, offline: count - 6667 }]);
    }
  });

  it('leaves rows of one key in the order of the table', () => {
    const { registry, presence } = table(4);
    for (const id of ['c', 'a', 'b']) registry.ensureDevice(Buffer.from(id), 0, 1);
    const ordering = new Ordering(presence, { ...all, column: 'state', descending: true }, 10);
    expect(ordering.step(() => false)).toBe(false);
    expect(ordering.result().slots.map((slot) => presence.deviceId(slot))).toEqual(['c', 'a', 'b']);
  });
});
