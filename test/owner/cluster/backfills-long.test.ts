import { describe, expect, it } from 'vitest';
import { ClusterOwner } from './cluster-owner.ts';
import { answers, asked, asksOf, past, pastEnd } from './pasts.ts';

describe('A request whose past takes longer than a second', () => {
  it('is answered when all has come, as long as the home goes on telling of it', () => {
    const { hub, request } = asked();
    past(hub, 1, 5);
    hub.pass(900);
    pastEnd(hub, 1, true, true);
    hub.pass(900);
    for (const seq of [3, 4]) past(hub, 2, seq);
    hub.pass(900);
    expect(answers(hub)).toEqual([]);
    pastEnd(hub, 2);
    expect(answers(hub)).toEqual([`answer ann ${request} : dev-1 online #5 of abc active`]);
    expect(hub.kept('dev-1', 2)).toEqual(['#3', '#4', '#5']);
  });

  it('is answered when its home has told nothing for a second', () => {
    const { hub } = asked();
    hub.pass(500);
    past(hub, 1, 5);
    hub.pass(500);
    expect(answers(hub)).toEqual([]);
    hub.pass(1000);
    expect(answers(hub)).toHaveLength(1);
  });

  it('is answered after a second when its home has told nothing at all', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1'], true);
    hub.pass(100);
    hub.joined('dev-1');
    hub.pass(899);
    expect(answers(hub)).toEqual([]);
    hub.pass(1);
    expect(answers(hub)).toHaveLength(1);
  });

  it('goes on when a home that could not answer is followed again', () => {
    const { hub } = asked();
    past(hub, 1, 5);
    pastEnd(hub, 1, false, true);
    hub.hush();
    expect(answers(hub)).toEqual([]);
    hub.joined('dev-1');
    expect(asksOf(hub)).toEqual(['askPast 2 dev-1 of abc before 6 max 100']);
    past(hub, 2, 5);
    pastEnd(hub, 2);
    expect(answers(hub)).toHaveLength(1);
    expect(hub.kept('dev-1', 4)).toEqual(['#5']);
  });

  it('waits no longer for a home that could not answer and is not followed again', () => {
    const { hub } = asked();
    pastEnd(hub, 1, false, true);
    hub.pass(999);
    expect(answers(hub)).toEqual([]);
    hub.pass(1);
    expect(answers(hub)).toHaveLength(1);
  });

  it('is answered after some seconds, whatever is still to come', () => {
    const { hub } = asked({}, 100);
    for (let page = 1; page < 10; page++) {
      past(hub, page, 100 - page);
      pastEnd(hub, page, true, true);
      hub.pass(500);
      expect(answers(hub)).toEqual([]);
    }
    hub.pass(500);
    expect(answers(hub)).toHaveLength(1);
  });

  it('waits no longer for what else it named', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-1', 'dev-2', 'none-*'], true);
    hub.joined('dev-1');
    hub.pass(900);
    past(hub, 1, 5);
    hub.pass(400);
    expect(answers(hub)).toEqual([]);
    pastEnd(hub, 1);
    hub.settle();
    expect(answers(hub)).toHaveLength(1);
  });

  it('waits for its turn where many are fetched', () => {
    const hub = new ClusterOwner();
    const ann = hub.subscriber('ann');
    const ids = Array.from({ length: 65 }, (_, n) => `dev-${n}`);
    hub.ask(ann, 'subscribe', ids, true);
    for (const [n, id] of ids.entries()) hub.joined(id, { ref: n + 1 });
    hub.hush();
    hub.pass(240);
    hub.pass(760); // the homes of the first are slow, and the last has its turn only now
    expect(asksOf(hub)).toHaveLength(1);
    expect(answers(hub)).toEqual([]);
    pastEnd(hub, 65);
    expect(answers(hub)).toHaveLength(1);
  });
});
