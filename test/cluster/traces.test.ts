import { expect, it } from 'vitest';
import { createHome, homeKey } from '../../src/cluster/home.ts';
import { HomeKind } from '../../src/cluster/records.ts';
import { Traces } from '../../src/cluster/traces.ts';

const key = homeKey(HomeKind.device, 'dev-1');
const home = (number: number) => createHome(HomeKind.device, 'dev-1', number, false);

it('an id that left is remembered with the node that it went to and the number that it had, until it is back', () => {
  const traces = new Traces();
  expect([traces.nodeOf(key), traces.number(key)]).toEqual([undefined, 0]);
  traces.leave(home(5), 'b');
  expect([traces.nodeOf(key), traces.number(key)]).toEqual(['b', 5]);
  expect(traces.nodeOf(homeKey(HomeKind.subscriber, 'dev-1'))).toBeUndefined();
  traces.isBack(home(6));
  expect([traces.nodeOf(key), traces.number(key)]).toEqual([undefined, 0]);
});

it('of the claims that were heard the highest number counts', () => {
  const traces = new Traces();
  for (const number of [3, 7, 5]) traces.hear(key, number);
  expect(traces.heard(key)).toBe(7);
  expect(traces.number(key)).toBe(0);
});

it('an id is counted apart from others, and by what it is', () => {
  const traces = new Traces();
  traces.hear(key, 7);
  expect(traces.heard(homeKey(HomeKind.subscriber, 'dev-1'))).toBe(0);
  traces.leave(home(5), 'b');
  traces.leave(createHome(HomeKind.device, 'dev-2', 9, false), 'c');
  traces.isBack(createHome(HomeKind.device, 'dev-2', 9, false));
  expect([traces.nodeOf(key), traces.number(key), traces.heard(key)]).toEqual(['b', 5, 7]);
});
