import { describe, expect, it } from 'vitest';
import { Interest } from '../../../src/edge/mqtt/interest.ts';
import type { PresenceReader } from '../../../src/presence/reader.ts';

function start(active = [0, 0]) {
  const told: string[] = [];
  const rows = { active: Uint32Array.from(active) };
  const findDevice = (id: string): number => (id === 'known' ? 1 : id === 'first' ? 0 : -1);
  const presence = { findDevice, devices: { rows } } as unknown as PresenceReader;
  const interest = new Interest(presence, (is, isFirst) => told.push(`${is}${isFirst ? ' now' : ''}`));
  return { interest, rows, told: () => told.splice(0) };
}

describe('what a client is told of interest in it', () => {
  it('is how it is, then each change', () => {
    const { interest, told } = start();
    interest.watch(true);
    interest.is(false);
    interest.is(false);
    interest.is(true);
    interest.is(true);
    interest.is(false);
    expect(told()).toEqual(['false now', 'true', 'false']);
  });

  it('is nothing while it does not want to know, and how it is when it wants to know again', () => {
    const { interest, told } = start();
    interest.is(true);
    interest.watch(true);
    interest.is(true);
    interest.watch(false);
    interest.is(false);
    interest.watch(true);
    interest.is(true);
    expect(told()).toEqual(['true now', 'true now']);
  });

  it('is looked up for a client that is no device', () => {
    const { interest, rows, told } = start();
    interest.watch(true);
    interest.look('unknown');
    interest.look('known');
    rows.active[1] = 2;
    interest.look('known');
    expect(told()).toEqual(['false now', 'true']);
    rows.active[0] = 1;
    interest.watch(true);
    interest.look('first');
    expect(told()).toEqual(['true now']);
  });
});
