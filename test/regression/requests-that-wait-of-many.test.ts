/**
 * Each subscriber may let sixteen requests and a hundred thousand positions wait, for as long as it reads no page of an
 * earlier answer. A thousand that did held gigabytes: nothing bounded what waits of all of them.
 */
import { expect, it } from 'vitest';
import { NAMES_PER_SUBSCRIPTION } from '../../src/edge/deliver/waiting-names.ts';
import { FakeThread } from '../edge/deliver/fake-thread.ts';

/** Of the table of `FakeThread`. */
const NAMES_MAX = NAMES_PER_SUBSCRIPTION * 8;

const turn = () => new Promise((resolve) => setImmediate(resolve));
const frame = (op: object) => Buffer.from(JSON.stringify(op));
const ids = (from: number, count: number) => Array.from({ length: count }, (_, n) => `d-${from + n}`);

it('what waits of all subscribers of a thread has a bound, and who has just asked is served', async () => {
  const thread = new FakeThread();
  // The owner answers nothing: what they ask waits.
  const idle = Array.from({ length: 10 }, () => thread.subscriber());
  const say = (socket: (typeof idle)[number], op: object) => thread.route.message(socket, frame(op), false);
  idle.forEach((socket, n) => {
    say(socket, { op: 'subscribe', devices: ids(2 * n, 1) });
    say(socket, { op: 'since', since: { [`d-${n}`]: { epoch: 'k3', seq: 4 } } });
  });
  await turn();
  const open = () => idle.filter(({ closeCode }) => closeCode === undefined).length;
  expect(open()).toBeLessThanOrEqual(NAMES_MAX / 2);
  expect(idle.map(({ closeCode }) => closeCode).filter((code) => code !== undefined)).toEqual(
    Array.from({ length: 10 - open() }, () => 4108),
  );
  thread.clock.advance(10_000);
  const recent = thread.subscriber();
  say(recent, { op: 'subscribe', devices: ids(0, 4) });
  await turn();
  expect(recent.closeCode).toBeUndefined();
  expect(thread.count('closedOverBudget')).toBe(10 - open());
});
