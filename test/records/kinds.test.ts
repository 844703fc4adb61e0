import { expect, it } from 'vitest';
import { FromLinkRecord, fromLink, ToLinkRecord, toLink } from '../../src/records/cluster.ts';
import { FromOwnerRecord } from '../../src/records/replies.ts';
import { ToOwnerRecord } from '../../src/records/requests.ts';

it.each([
  ['from the owner to an edge', [FromOwnerRecord]],
  // The link's records come to the owner beside those of the edges, and the other way.
  ['to the owner', [ToOwnerRecord, FromLinkRecord]],
  ['from the owner to the link', [ToLinkRecord]],
])('no two records %s have one kind', (_, directions) => {
  const kinds = directions.flatMap((records) => Object.values<number>(records));
  expect(new Set(kinds).size).toBe(kinds.length);
});

it.each([
  ['from the link', FromLinkRecord, fromLink],
  ['to the link', ToLinkRecord, toLink],
])('each record %s has its kind by its name', (_, kinds, layouts) => {
  const byName = Object.entries(layouts).map(([name, { kind }]) => [
    name.charAt(0).toUpperCase() + name.slice(1),
    kind,
  ]);
  expect(kinds).toEqual(Object.fromEntries(byName));
});
