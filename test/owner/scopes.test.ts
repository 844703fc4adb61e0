import { expect, it } from 'vitest';
import { PatternSet } from '../../src/access/pattern-set.ts';
import { TokenScopes } from '../../src/owner/scopes.ts';

const actor = (devices?: readonly string[]) =>
  ({ role: 'subscriber', id: 's', devices: devices && new PatternSet(devices), vip: false }) as const;

it('lets a subscriber follow what its last token covers, and everything without a list', () => {
  const scopes = new TokenScopes();
  const may = (slot: number) => [
    scopes.coversAll(slot),
    scopes.covers(slot, 'a.1'),
    scopes.covers(slot, 'b'),
    scopes.coversSomeOf(slot, 'a'),
    scopes.coversSomeOf(slot, 'c'),
  ];
  const everything = [true, true, true, true, true];
  expect(may(1)).toEqual(everything);
  scopes.set(1, actor(['a.*']));
  expect(may(1)).toEqual([false, true, false, true, false]);
  expect(may(2)).toEqual(everything);
  scopes.set(1, actor([]));
  expect(may(1)).toEqual([false, false, false, false, false]);
  scopes.set(1, actor());
  expect(may(1)).toEqual(everything);
  scopes.set(1, actor(['b']));
  scopes.delete(1);
  expect(may(1)).toEqual(everything);
});

it('says whose token filters went by until now, if that may have covered less', () => {
  const scopes = new TokenScopes();
  const come = (devices?: readonly string[]) => {
    scopes.set(1, actor(devices));
    return scopes.useForFilters(1)?.devices?.patterns;
  };
  expect([come(['a']), come(['a', 'b']), come(['b', 'a', 'b'])]).toEqual([undefined, ['a'], undefined]);
  scopes.set(1, actor(['c'])); // its filters wait
  expect([come(), come(), come([])]).toEqual([['a', 'b'], undefined, undefined]);
  expect(come()).toEqual([]);
  come(['a']);
  scopes.delete(1);
  expect(come()).toBeUndefined();
});
