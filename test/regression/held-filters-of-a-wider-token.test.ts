/**
 * A subscriber comes back with `hold` and a narrower token, follows its filter again, and what that token does not cover
 * expires. With the wider token after that, the filter used to lack those devices.
 */
import { expect, it } from 'vitest';
import { OwnerParts } from '../owner/owner-parts.ts';

it('a filter follows what the token covers, as it was when the subscriber held it with another', () => {
  const parts = new OwnerParts();
  const wide = parts.subscriber('s');
  for (const device of ['a-1', 'b-1']) parts.device(device);
  parts.ask(wide, 'subscribe', ['*']);
  parts.subscribers.leave(wide);
  parts.step();
  const narrow = parts.subscriber('s', { hold: true, covers: ['a-*'] });
  parts.ask(narrow, 'subscribe', ['*']);
  for (let seconds = 0; seconds <= 300; seconds += 50) {
    parts.heard(narrow);
    parts.pass(50_000);
  }
  expect([parts.status('a-1', 's'), parts.status('b-1', 's')]).toEqual(['active', 'none']);
  parts.subscribers.leave(narrow);
  parts.step();
  parts.subscriber('s');
  parts.step();
  expect([parts.status('a-1', 's'), parts.status('b-1', 's')]).toEqual(['active', 'active']);
});

it('so does one that was followed again beside another that is still held', () => {
  const parts = new OwnerParts();
  const wide = parts.subscriber('s');
  for (const device of ['a-1', 'b-1', 'c-1']) parts.device(device);
  parts.ask(wide, 'subscribe', ['c-*']);
  parts.subscribers.leave(wide);
  parts.step();
  const narrow = parts.subscriber('s', { hold: true, covers: ['a-*', 'c-*'] });
  parts.ask(narrow, 'subscribe', ['*']);
  expect([parts.status('a-1', 's'), parts.status('b-1', 's')]).toEqual(['active', 'none']);
  parts.subscribers.leave(narrow);
  parts.step();
  parts.subscriber('s');
  parts.step();
  expect(['a-1', 'b-1', 'c-1'].map((device) => parts.status(device, 's'))).toEqual([
    'active',
    'active',
    'active',
  ]);
});
