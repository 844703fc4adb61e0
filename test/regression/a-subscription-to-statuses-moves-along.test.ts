/** A subscriber that moves to another node keeps subscriptions and filters that are limited to statuses, or to any types. */
import { expect, it } from 'vitest';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { keptOf, keptParts } from '../support/kept-subscribers.ts';

it('keeps each subscription and filter, whatever types it is limited to', () => {
  const types = Array.from({ length: ALL_TYPES }, (_, bits) => bits << 1);
  const rows = types.map((bits) => ({ device: `dev-${bits}`, paused: false, types: bits }));
  const filters = types.map((bits) => ({ filter: `f-${bits}*`, paused: false, types: bits }));
  const kept = { rows, filters, turns: [], awayMs: 0 };
  expect(keptOf(keptParts(kept))).toEqual(kept);
});
