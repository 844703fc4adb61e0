/** What another node may say of a device. */
import { describe, expect, it } from 'vitest';
import { isEntry, isEpoch, isState } from '../../src/cluster/entry-check.ts';
import { DeviceState } from '../../src/presence/lifecycle.ts';

const entry = { state: DeviceState.online, epoch: 'k3', status: 'charging' };

describe('what another node says of a device', () => {
  it('has one of the states of a device that there is', () => {
    const states = [DeviceState.free, DeviceState.online, DeviceState.stale, DeviceState.offline, 4, 255];
    expect(states.map((state) => isState(state))).toEqual([false, true, true, true, false, false]);
    expect(states.map((state) => isEntry({ ...entry, state }))).toEqual(
      states.map((state) => isState(state)),
    );
  });

  it('has an epoch of at most 64 characters', () => {
    expect([0, 64, 65].map((length) => isEpoch('e'.repeat(length)))).toEqual([true, true, false]);
    expect(isEntry({ ...entry, epoch: 'e'.repeat(65) })).toBe(false);
  });

  it('has an epoch wherever it tells all of the device', () => {
    expect([isEntry(entry), isEntry({ ...entry, epoch: '' })]).toEqual([true, false]);
  });

  it('has a status of at most 64 characters, or none', () => {
    const statuses = ['', '🔋'.repeat(64), 's'.repeat(65)];
    expect(statuses.map((status) => isEntry({ ...entry, status }))).toEqual([true, true, false]);
  });
});
