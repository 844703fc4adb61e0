import { expect, it } from 'vitest';
import { FromOwnerRecord } from '../../src/records/replies.ts';
import { ToOwnerRecord } from '../../src/records/requests.ts';

it.each([
  ['from the owner', FromOwnerRecord],
  ['to the owner', ToOwnerRecord],
])('no two records %s have one kind', (_, records) => {
  const kinds = Object.values(records);
  expect(new Set(kinds).size).toBe(kinds.length);
});
