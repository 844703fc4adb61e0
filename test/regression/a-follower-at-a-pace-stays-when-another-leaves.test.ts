import { expect, it } from 'vitest';
import { Cohorts } from '../../src/edge/deliver/cohorts.ts';
import type { SubscriberSession } from '../../src/edge/deliver/subscriber-session.ts';

/** A set of followers remembered who had left it last, and what was left then. It grew, and that was taken for true again. */
it('a set of followers that has changed takes no step that it took before', () => {
  const kind = new Cohorts({} as never);
  const [ann, bob] = [{ number: 1 }, { number: 2 }] as SubscriberSession[];
  let [one, other] = [kind.join(kind.empty, ann!), kind.join(kind.empty, ann!)];
  other = kind.leave(other, ann!);
  one = kind.join(one, bob!);
  one = kind.leave(one, ann!);
  expect([one.sessions, other.sessions]).toEqual([[bob], []]);
});

it('nor one that it took when it was smaller', () => {
  const kind = new Cohorts({} as never);
  const [ann, bob, cid] = [{ number: 1 }, { number: 2 }, { number: 3 }] as SubscriberSession[];
  let [one, other] = [kind.join(kind.empty, ann!), kind.join(kind.empty, ann!)];
  other = kind.join(other, bob!);
  one = kind.join(one, cid!);
  one = kind.join(one, bob!);
  expect([one.sessions, other.sessions]).toEqual([
    [ann, cid, bob],
    [ann, bob],
  ]);
});
