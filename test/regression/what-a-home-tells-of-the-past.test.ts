/**
 * What another node told of the past was believed in any order: repeated or disordered events went into the log as they
 * came, and a home that promised more and told nothing was asked for ever. An event that went missing on its way while the
 * past was fetched was neither told as a gap afterwards nor fetched again.
 */
import { describe, expect, it } from 'vitest';
import { fromLink } from '../../src/records/cluster.ts';
import { EventField } from '../../src/records/event.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';

/** `ann` has asked for `dev-1` with its past, of which the home has told all but the events. */
function asked() {
  const hub = new ClusterOwner();
  const ann = hub.subscriber('ann');
  hub.ask(ann, 'subscribe', ['dev-1'], true);
  hub.joined('dev-1', { seq: 9 });
  hub.hush();
  return { hub, ann };
}

function past(hub: ClusterOwner, request: number, ...seqs: readonly number[]): void {
  for (const seq of seqs) {
    const event = hub.eventPart(seq);
    new DataView(event.buffer).setFloat64(EventField.received, seq - 1, true);
    hub.says(fromLink.past, { request, event });
  }
}

const pastEnd = (hub: ClusterOwner, request: number, more: boolean) =>
  hub.says(fromLink.pastEnd, { request, found: true, more, epoch: 'abc' });
const asksOf = (hub: ClusterOwner) => hub.told().filter((line) => line.startsWith('askPast'));

describe('What a home tells of the past', () => {
  it('counts in order, and once', () => {
    const { hub } = asked();
    past(hub, 1, 7, 8, 8, 6, 9, 12);
    pastEnd(hub, 1, true);
    past(hub, 2, 5, 8, 6, 7);
    pastEnd(hub, 2, false);
    expect(hub.kept('dev-1', 4)).toEqual(['#5', '#6', '#7', '#8', '#9']);
  });

  it('ends with a page without events, whatever came before', () => {
    const { hub } = asked();
    past(hub, 1, 8, 9);
    pastEnd(hub, 1, true);
    expect(asksOf(hub)).toHaveLength(1);
    past(hub, 2, 9);
    pastEnd(hub, 2, true);
    expect(asksOf(hub)).toEqual([]);
    expect(hub.kept('dev-1', 7)).toEqual(['#8', '#9']);
  });

  it('leaves a hole that has come meanwhile, and is asked for again', () => {
    const { hub, ann } = asked();
    past(hub, 1, 8, 9);
    hub.says(fromLink.remoteGap, { ref: 1, from: 10, to: 12 });
    pastEnd(hub, 1, false);
    hub.remoteEvent(1, 13);
    expect(hub.kept('dev-1', 7)).toEqual(['gap 8-12', '#13']);
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-1'], true);
    expect(asksOf(hub)).toEqual(['askPast 2 dev-1 of abc before 14 max 100']);
  });
});
