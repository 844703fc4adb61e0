import { describe, expect, it } from 'vitest';
import { fromLink } from '../../../src/records/cluster.ts';
import { EventType } from '../../../src/wire/events.ts';
import { ClusterOwner } from './cluster-owner.ts';
import { entryPart } from './hand-overs.ts';
import { answers, asked, asksOf, past, pastEnd } from './pasts.ts';

describe('The past of a device with another home', () => {
  it('is asked of the home, up to the last event that is known here, and nothing is answered meanwhile', () => {
    const { hub } = asked({ historyEvents: 40 });
    hub.poll();
    expect(asksOf(hub)).toEqual(['askPast 1 dev-1 of abc before 6 max 40']);
    expect(answers(hub)).toEqual([]);
  });

  it('is in history, and the request answered, once the home has told it', () => {
    const { hub, request } = asked();
    for (const seq of [3, 4, 5]) past(hub, 1, seq);
    expect(answers(hub)).toEqual([]);
    pastEnd(hub, 1);
    expect(answers(hub)).toEqual([`answer ann ${request} : dev-1 online #5 of abc active`]);
    expect(hub.kept('dev-1')).toEqual(['gap 1-2', '#3', '#4', '#5']);
  });

  it('comes page by page from the newest', () => {
    const { hub } = asked({ historyEvents: 5 });
    hub.told();
    for (const seq of [4, 5]) past(hub, 1, seq);
    pastEnd(hub, 1, true, true);
    expect(asksOf(hub)).toEqual(['askPast 2 dev-1 of abc before 4 max 3']);
    for (const seq of [2, 3]) past(hub, 2, seq);
    expect(answers(hub)).toEqual([]);
    pastEnd(hub, 2, true, false);
    expect(answers(hub)).toHaveLength(1);
    expect(hub.kept('dev-1', 1)).toEqual(['#2', '#3', '#4', '#5']);
  });

  it('is not asked for beyond what this hub keeps of a device', () => {
    const { hub } = asked({ historyEvents: 2 });
    hub.told();
    for (const seq of [4, 5]) past(hub, 1, seq);
    pastEnd(hub, 1, true, true);
    expect(asksOf(hub)).toEqual([]);
    expect(answers(hub)).toHaveLength(1);
  });

  it('ends with a page that is empty, whatever the home promises', () => {
    const { hub } = asked();
    hub.told();
    pastEnd(hub, 1, true, true);
    expect(asksOf(hub)).toEqual([]);
    expect(answers(hub)).toHaveLength(1);
    expect(hub.kept('dev-1')).toEqual(['gap 1-5']);
  });

  it('stops where the home has it no more', () => {
    const { hub } = asked();
    hub.told();
    past(hub, 1, 5);
    pastEnd(hub, 1, false);
    expect(asksOf(hub)).toEqual([]);
    expect(answers(hub)).toHaveLength(1);
    expect(hub.kept('dev-1')).toEqual(['gap 1-5']);
  });

  it('stands in front of what came since', () => {
    const { hub } = asked();
    hub.remoteEvent(1, 6);
    past(hub, 1, 4);
    past(hub, 1, 5);
    past(hub, 1, 6); // it came here already
    hub.remoteEvent(1, 7);
    pastEnd(hub, 1);
    expect(hub.kept('dev-1', 3)).toEqual(['#4', '#5', '#6', '#7']);
    hub.remoteEvent(1, 8);
    expect(hub.kept('dev-1', 3)).toEqual(['#4', '#5', '#6', '#7', '#8']);
  });

  it('may be nothing but what came since', () => {
    const { hub } = asked();
    hub.remoteEvent(1, 6);
    pastEnd(hub, 1);
    expect(hub.kept('dev-1', 5)).toEqual(['#6']);
  });

  it('has holes where its home has them: pongs that took a number are none', () => {
    const { hub } = asked({}, 20);
    const status = { type: EventType.status, status: 'warm' };
    past(hub, 1, 4, status, 2);
    past(hub, 1, 7, {}, 6);
    past(hub, 1, 15, {}, 14);
    past(hub, 1, 17, {}, 15);
    past(hub, 1, 20, {}, 17);
    pastEnd(hub, 1);
    expect(hub.kept('dev-1', 14)).toEqual(['#15', '#17', '#20']);
    expect(hub.kept('dev-1', 2)).toEqual(['#4', 'gap 5-14', '#15', '#17', '#20']);
    expect(hub.kept('dev-1', 1)).toEqual(['gap 2-2', '#4', 'gap 5-14', '#15', '#17', '#20']);
  });

  it('is as whole as it can be, whatever its home says', () => {
    const { hub } = asked();
    past(hub, 1, 3, {}, 99);
    past(hub, 1, 5, {}, 3);
    pastEnd(hub, 1);
    expect(hub.kept('dev-1')).toEqual(['gap 1-2', '#3', '#5']);
  });

  it('without a hole is in history from the first to the last', () => {
    const { hub } = asked({}, 4);
    for (const seq of [1, 2, 3, 4]) past(hub, 1, seq);
    pastEnd(hub, 1);
    expect(hub.kept('dev-1')).toEqual(['#1', '#2', '#3', '#4']);
  });

  it('is as old here as it is at home', () => {
    const { hub } = asked();
    past(hub, 1, 4, { at: hub.clock.wallMs - 3_600_001 });
    past(hub, 1, 5, { at: hub.clock.wallMs - 3_000_000 });
    pastEnd(hub, 1);
    expect(hub.kept('dev-1', 3)).toEqual(['gap 4-4', '#5']);
  });
});

describe('The next who asks for the past', () => {
  it('is answered at once while nothing is missing', () => {
    const { hub } = asked();
    past(hub, 1, 5);
    pastEnd(hub, 1);
    hub.remoteEvent(1, 6);
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-1'], true);
    expect(asksOf(hub)).toEqual([]);
    expect(answers(hub)).toHaveLength(1);
  });

  it('is answered at once when the home keeps nothing', () => {
    const { hub } = asked();
    pastEnd(hub, 1);
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-1'], true);
    expect(asksOf(hub)).toEqual([]);
    expect(answers(hub)).toHaveLength(1);
  });

  it.each([
    ['a gap was told', (hub: ClusterOwner) => hub.says(fromLink.remoteGap, { ref: 1, from: 6, to: 7 })],
    ['the home tells of a later event', (hub: ClusterOwner) => hub.joined('dev-1', { seq: 7 })],
    [
      'the device has another numbering',
      (hub: ClusterOwner) => hub.joined('dev-1', { epoch: 'xyz', seq: 7 }),
    ],
  ])('waits for it again after %s', (_, happens) => {
    const { hub } = asked();
    pastEnd(hub, 1);
    happens(hub);
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-1'], true);
    expect(asksOf(hub)).toEqual([expect.stringMatching(/^askPast 2 dev-1 of (abc|xyz) before 8 max 100$/)]);
    expect(answers(hub)).toEqual([]);
    pastEnd(hub, 2);
    expect(answers(hub)).toHaveLength(1);
  });

  it('shares what is under way', () => {
    const { hub } = asked();
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-1'], true);
    expect(asksOf(hub)).toEqual([]);
    pastEnd(hub, 1);
    expect(answers(hub)).toHaveLength(2);
  });

  it('and who asks for no past, waits for none', () => {
    const { hub } = asked();
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-1']);
    expect(answers(hub)).toHaveLength(1);
  });

  it('waits again when the link has started anew', () => {
    const { hub } = asked();
    pastEnd(hub, 1);
    hub.says(fromLink.hello, {});
    hub.joined('dev-1');
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-1'], true);
    expect(asksOf(hub)).toEqual(['askPast 2 dev-1 of abc before 6 max 100']);
  });

  it('waits for nothing where history is off', () => {
    const { hub } = asked({ historyBytes: 0 });
    expect(asksOf(hub)).toEqual([]);
    expect(answers(hub)).toHaveLength(1);
  });
});

describe('An answer of the past', () => {
  it('that nobody has asked for is dropped, also when it comes twice', () => {
    const { hub } = asked();
    past(hub, 9, 4);
    pastEnd(hub, 9);
    expect(answers(hub)).toEqual([]);
    past(hub, 1, 5);
    pastEnd(hub, 1);
    hub.remoteEvent(1, 6);
    past(hub, 1, 5);
    pastEnd(hub, 1);
    expect(answers(hub)).toHaveLength(1);
    expect(hub.kept('dev-1', 4)).toEqual(['#5', '#6']);
  });

  it('is of no use in another numbering, but is waited for no longer', () => {
    const { hub } = asked();
    past(hub, 1, 5);
    hub.remote('dev-1', { epoch: 'xyz', seq: 7 });
    pastEnd(hub, 1);
    expect(answers(hub)).toHaveLength(1);
    expect(hub.kept('dev-1')).toEqual(['gap 1-7']);
  });

  it('is of no use once this node is the home', () => {
    const { hub } = asked();
    past(hub, 1, 5);
    hub.connectDevice('dev-1');
    hub.adopt('device', 'dev-1', [entryPart()]);
    hub.release('device', 'dev-1');
    pastEnd(hub, 1);
    expect(hub.kept('dev-1', 4)).toEqual(['gap 5-5']);
  });

  it('is of no use while the device connects here', () => {
    const { hub } = asked();
    hub.connectDevice('dev-1');
    past(hub, 1, 5);
    pastEnd(hub, 1);
    expect(hub.kept('dev-1', 4)).toEqual(['gap 5-5']);
  });

  it('is of no use for a device that has taken the row of another', () => {
    const capacity = { devices: 1, subscribers: 4, subscriptions: 4 };
    const { hub, ann } = asked({ capacity });
    hub.disconnect(ann);
    hub.pass(10);
    expect(hub.device('dev-1')).toBeUndefined();
    const bob = hub.subscriber('bob');
    hub.hush();
    hub.ask(bob, 'subscribe', ['dev-2'], true);
    hub.joined('dev-2', { ref: 2 });
    expect(asksOf(hub)).toEqual(['askPast 2 dev-2 of abc before 6 max 100']);
    past(hub, 1, 5);
    pastEnd(hub, 1);
    expect(answers(hub)).toEqual([]);
    pastEnd(hub, 2);
    expect(answers(hub)).toHaveLength(1);
    expect(hub.kept('dev-2')).toEqual(['gap 1-5']);
  });

  it('of before the link started anew is dropped', () => {
    const { hub } = asked();
    past(hub, 1, 5);
    hub.says(fromLink.hello, {});
    pastEnd(hub, 1);
    expect(answers(hub)).toEqual([]);
    hub.joined('dev-1');
    expect(asksOf(hub).at(-1)).toBe('askPast 2 dev-1 of abc before 6 max 100');
  });
});

describe('The past of many devices', () => {
  const MANY = 70;

  it('is fetched of 64 at once, and of the others in their turn', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    const ids = Array.from({ length: MANY }, (_, n) => `dev-${n}`);
    hub.ask(ann, 'subscribe', ids, true);
    for (const [n, id] of ids.entries()) hub.joined(id, { ref: n + 1 });
    expect(asksOf(hub)).toHaveLength(64);
    pastEnd(hub, 1);
    pastEnd(hub, 2, false);
    expect(asksOf(hub).map((line) => line.split(' ')[2])).toEqual(['dev-64', 'dev-65']);
    hub.home('dev-2'); // nothing is fetched of it any more
    expect(asksOf(hub).map((line) => line.split(' ')[2])).toEqual(['dev-66']);
    hub.home('dev-67'); // nor in its turn
    for (let request = 4; request <= MANY; request++) pastEnd(hub, request);
    expect(asksOf(hub).map((line) => line.split(' ')[2])).toEqual(['dev-68', 'dev-69']);
    expect(answers(hub)).toHaveLength(1);
  });

  it('of a home that takes long keeps no others waiting', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    const ids = Array.from({ length: MANY }, (_, n) => `dev-${n}`);
    hub.ask(ann, 'subscribe', ids, true);
    for (const [n, id] of ids.entries()) hub.joined(id, { ref: n + 1 });
    expect(asksOf(hub)).toHaveLength(64);
    expect(hub.owner.untilNextTimerMs()).toBe(250);
    hub.pass(240);
    expect(asksOf(hub)).toEqual([]);
    hub.pass(10);
    expect(asksOf(hub)).toHaveLength(MANY - 64);
    expect(hub.owner.untilNextTimerMs()).toBeGreaterThan(250); // nobody waits for a turn any more
  });

  it('is fetched anew after the link has started anew', () => {
    const { hub, ann } = asked();
    hub.says(fromLink.hello, {});
    hub.joined('dev-1');
    hub.pass(1000);
    hub.hush();
    hub.ask(ann, 'unsubscribe', ['dev-1']);
    hub.pass(10);
    hub.ask(ann, 'subscribe', ['dev-1'], true);
    hub.joined('dev-1');
    expect(asksOf(hub)).toHaveLength(1);
  });
});
