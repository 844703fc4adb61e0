import { describe, expect, it } from 'vitest';
import { Registry } from '../../src/owner/registry.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { Random } from '../support/random.ts';

const CAPACITY = { devices: 300, subscribers: 300, subscriptions: 1 };
/** 64 characters of four bytes each: the longest status there is. */
const LONGEST_STATUS = '🔋'.repeat(64);

class Table {
  readonly memory = createPresence(CAPACITY);
  readonly registry = new Registry(this.memory, 1);
  readonly reader = new PresenceReader(this.memory);

  /** @returns the device's slot, or -1 */
  device(id: string): number {
    return this.registry.ensureDevice(Buffer.from(id), 0, id.length);
  }

  subscriber(id: string): number {
    return this.registry.ensureSubscriber(Buffer.from(id), 0, id.length);
  }

  setStatus(slot: number, status: string): void {
    const bytes = Buffer.from(status);
    this.registry.setDeviceStatus(slot, bytes, 0, bytes.length);
  }
}

/** An id of this length. */
const idOf = (n: number, length: number): string => `${n}-`.padEnd(length, 'x');

function expectFull(table: Table, idLength: number): void {
  for (let n = 0; n < CAPACITY.devices; n++)
    expect(table.device(idOf(n, idLength)), `device ${n}`).toBeGreaterThanOrEqual(0);
  for (let n = 0; n < CAPACITY.subscribers; n++)
    expect(table.subscriber(idOf(n, idLength)), `subscriber ${n}`).toBeGreaterThanOrEqual(0);
  for (let n = 0; n < CAPACITY.devices; n++) {
    table.setStatus(n, LONGEST_STATUS);
    expect(table.reader.device(n)?.deviceStatus).toBe(LONGEST_STATUS);
  }
}

describe('the memory of ids and statuses', () => {
  it('holds the longest ids and statuses of as many devices and subscribers as there are rows for', () => {
    expectFull(new Table(), 128);
  });

  it('holds them after texts of 62 bytes have come and gone, too', () => {
    const table = new Table();
    for (let round = 0; round < 5; round++) {
      const slots = Array.from({ length: CAPACITY.devices }, (_, n) => table.device(idOf(n, 62)));
      for (const slot of slots) table.setStatus(slot, 'x'.repeat(62));
      for (const slot of slots) table.registry.freeDevice(slot);
    }
    expectFull(table, 128);
  });

  it('holds them after any churn near full: of ids and statuses of all lengths', () => {
    const random = new Random(7);
    const table = new Table();
    const { registry } = table;
    const devices: number[] = [];
    const subscribers: number[] = [];
    let refused = 0;
    for (let n = 0; n < 60_000; n++) {
      const length = random.pick([1 + random.below(128), 128, 62, 8]);
      const slots = random.below(3) === 0 ? subscribers : devices;
      const isDevice = slots === devices;
      if (slots.length < 280 + random.below(21)) {
        const id = idOf(n, Math.max(length, String(n).length + 1));
        const slot = isDevice ? table.device(id) : table.subscriber(id);
        if (slot < 0) refused += 1;
        else slots.push(slot);
      } else {
        const [slot = -1] = slots.splice(random.below(slots.length), 1);
        if (isDevice) registry.freeDevice(slot);
        else registry.freeSubscriber(slot);
      }
      if (devices.length === 0) continue;
      const slot = random.pick(devices);
      const text = random.pick(['🔋', 'x', 'läuft ']).repeat(1 + random.below(64));
      const status = [...text].slice(0, 64).join('');
      table.setStatus(slot, status);
      if (registry.deviceStatus(slot) !== status) refused += 1;
    }
    expect(refused).toBe(0);
    for (const slot of devices) registry.freeDevice(slot);
    for (const slot of subscribers) registry.freeSubscriber(slot);
    expectFull(table, 128);
  });
});
