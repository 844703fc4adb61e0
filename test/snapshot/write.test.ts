import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Registry } from '../../src/owner/registry.ts';
import { DeviceState, StateReason } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { SnapshotReader } from '../../src/snapshot/reader.ts';
import { writeTable } from '../../src/snapshot/write.ts';
import { temporaryDirectory } from '../support/temporary.ts';

it('writes the rules and the table as of now, and tells how long that is', () => {
  const presence = createPresence({ devices: 4, subscribers: 4, subscriptions: 4 });
  const registry = new Registry(presence, 1);
  const slot = registry.ensureDeviceOf('dev-1');
  registry.setDeviceState(slot, DeviceState.offline, StateReason.none);
  registry.devices.rows.epoch[slot] = 77;
  const rules = [{ device: 'lab-*', subscriber: '*', access: 'deny' }] as const;
  const file = join(temporaryDirectory(), 'snapshot');
  for (const isLast of [false, true]) {
    expect(writeTable({ file, presence, rules, atMs: 1234, isLast })).toBe(statSync(file).size);
    const reader = new SnapshotReader(file);
    const device = { kind: 'device', device: 'dev-1', seq: 0, lastSeen: 0, status: '' };
    expect([...reader.rows()]).toEqual([
      { kind: 'rule', ...rules[0] },
      isLast ? { ...device, epoch: 77 } : device,
    ]);
    expect(reader.atMs).toBe(1234);
    reader.close();
  }
  expect(readFileSync(`${file}.prev`, 'utf8')).not.toContain('epoch');
});
