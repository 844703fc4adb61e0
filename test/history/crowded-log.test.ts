import { describe, expect, it } from 'vitest';
import { keptBytes } from '../../src/history/kept-event.ts';
import { Cell } from '../../src/history/memory.ts';
import { EventField } from '../../src/records/event.ts';
import { HistoryHarness } from './history-harness.ts';

const KIB = 1024;
/** Padding with which a message that says one digit is a record of 1 KiB. */
const PAD_OF_KIB = KIB - keptBytes(EventField.body) - '1 '.length;
/** Of a kind that no row names as its newest. */
const UNNAMED = { type: 'status', fromHub: true } as const;

describe('a log in which more is live than half of it', () => {
  it('lets the least recently updated go, and counts them', () => {
    const hub = new HistoryHarness({ bytes: 64 * KIB, devices: 100 });
    const slots = Array.from({ length: 100 }, () => hub.connect());
    for (const slot of slots) hub.send(slot, { pad: 1000 - 78 });
    const kept = slots.filter((slot) => hub.last(slot).length > 0);
    expect(kept).toEqual(slots.slice(100 - kept.length));
    // Half of the memory is 32 such records.
    expect(kept.length).toBeGreaterThanOrEqual(32);
    expect(hub.usage.evicted).toBe(100 - kept.length);
    expect(hub.since(slots[0]!, 0)).toEqual({ recovered: false, told: [{ gap: [1, 1] }] });
  });

  it('does so again after all of them have gone', () => {
    const hub = new HistoryHarness({ bytes: 64 * KIB, devices: 100 });
    for (let round = 0; round < 5; round++) {
      const slots = Array.from({ length: 100 }, () => hub.connect());
      const busy = slots.pop()!;
      for (const slot of slots.slice(0, 20)) hub.send(slot, { pad: 1000 });
      for (let n = 0; n < 1000; n++) hub.send(busy); // the others are carried forward
      for (const slot of slots.slice(0, 20)) hub.free(slot);
      for (const slot of slots.slice(20)) hub.send(slot, { pad: 1000 });
      const kept = slots.slice(20).filter((slot) => hub.last(slot).length > 0);
      expect(kept).toEqual(slots.slice(-kept.length));
      for (const slot of [busy, ...slots.slice(20)]) hub.free(slot);
      expect(hub.usage.liveBytes).toBe(0);
    }
  });

  it('keeps what is updated again and again', () => {
    const hub = new HistoryHarness({ bytes: 64 * KIB, devices: 100 });
    const slots = Array.from({ length: 100 }, () => hub.connect());
    const dear = slots.slice(0, 10);
    for (const slot of slots) {
      hub.send(slot, { pad: 1000 });
      for (const one of dear) hub.send(one, { pad: 100 });
    }
    for (let n = 0; n < 300; n++) for (const one of dear) hub.send(one, { pad: 100 });
    for (const slot of dear) expect(hub.last(slot)).toHaveLength(1);
    expect(hub.usage.evicted).toBeGreaterThan(50);
    expect(hub.usage.liveBytes).toBeLessThanOrEqual(32 * KIB);
  });

  it('does not evict a record that fits once devices have gone', () => {
    const hub = new HistoryHarness({ bytes: 64 * KIB, devices: 40 });
    const slots = Array.from({ length: 40 }, () => hub.connect());
    for (const slot of slots) hub.send(slot, { pad: 700 });
    const { evicted } = hub.usage;
    for (const slot of slots.slice(20)) hub.free(slot);
    const busy = slots[0]!;
    for (let n = 0; n < 2000; n++) hub.send(busy, { pad: 50 });
    expect(hub.usage.evicted).toBe(evicted);
  });

  it('lets those go first that were carried forward before, as long as these are enough', () => {
    const hub = new HistoryHarness({ bytes: 64 * KIB, devices: 100 });
    const busy = hub.connect();
    const [old, later, newest] = [4, 27, 40].map((count) =>
      Array.from({ length: count }, () => hub.connect()),
    );
    const { messageAt } = hub.devices.rows;
    for (const slot of [...old!, ...later!]) hub.send(slot, { pad: PAD_OF_KIB });
    const laterAt = messageAt[later![0]!]!;
    hub.repeat(busy, 24, { ...UNNAMED, pad: KIB });
    // Small events: none carries more than one record forward.
    while (messageAt[old!.at(-1)!]! < laterAt) hub.repeat(busy, 1, UNNAMED);
    for (const slot of newest!) hub.send(slot);
    expect(hub.usage.liveBytes).toBeGreaterThan(32 * KIB);
    hub.repeat(busy, 1000, UNNAMED);
    const isLost = (slot: number): boolean => hub.last(slot).length === 0;
    expect(hub.usage.evicted).toBe(3);
    expect([later, newest, old].map((slots) => slots!.filter(isLost))).toEqual([[], [], old!.slice(0, 3)]);
  });

  it('works through a few records with each append, too, whatever was carried forward and is gone', () => {
    const hub = new HistoryHarness({ bytes: 64 * KIB, devices: 200 });
    const busy = hub.connect();
    const gone = Array.from({ length: 20 }, () => hub.connect());
    for (const slot of gone) hub.send(slot, { pad: PAD_OF_KIB });
    hub.repeat(busy, 2000, UNNAMED); // carries them forward several times
    for (const slot of gone) hub.free(slot);
    const { cells } = hub.history;
    let most = 0;
    for (let n = 0; n < 150; n++) {
      const slot = hub.connect();
      const before = cells[Cell.oldest]!;
      hub.send(slot, { pad: PAD_OF_KIB });
      most = Math.max(most, cells[Cell.oldest]! - before);
    }
    expect(most).toBeLessThanOrEqual(2 * KIB);
  });

  it('lets nothing go while exactly half of it is live', () => {
    const hub = new HistoryHarness({ bytes: 64 * KIB, devices: 100 });
    const busy = hub.connect();
    const slots = Array.from({ length: 32 }, () => hub.connect());
    for (const slot of slots) hub.send(slot, { pad: PAD_OF_KIB });
    expect(hub.usage.liveBytes).toBe(32 * KIB);
    hub.repeat(busy, 2000, UNNAMED);
    expect(hub.usage.evicted).toBe(0);
    hub.send(hub.connect());
    hub.repeat(busy, 2000, UNNAMED);
    expect(hub.usage.evicted).toBe(1);
    expect(slots.filter((slot) => hub.last(slot).length === 0)).toHaveLength(1);
  });
});
