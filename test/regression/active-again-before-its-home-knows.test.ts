/**
 * A subscriber that is active again gets every event from then on, or a `gap`. Its node takes a moment to say so to the
 * device's home: what the home numbered until then was told by nothing but the next `seq`.
 */
import { describe, expect, it } from 'vitest';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';

/** ann follows `dev-1`, whose home is node b and which is at 5. */
function followed(historyBytes: number) {
  const hub = new ClusterOwner({ historyBytes });
  const ann = hub.subscriber('ann');
  hub.ask(ann, 'subscribe', ['dev-1']);
  hub.joined('dev-1');
  hub.hush();
  return { hub, ann };
}

describe.each([
  ['with', 256 * 1024],
  ['without', 0],
])('%s history', (_, historyBytes) => {
  it('a subscriber that has come back is told of what its node has missed', () => {
    const { hub, ann } = followed(historyBytes);
    hub.disconnect(ann);
    hub.connectSubscriber('ann');
    expect(hub.got()).toEqual(['joined ann with dev-1 online #5 of abc active', 'attach ann dev-1 after 5']);
    hub.joined('dev-1', { seq: 8 });
    hub.remoteEvent(1, 9);
    expect(hub.got()).toEqual([
      'gap dev-1 6-8 cluster',
      'entry ann : dev-1 online #8 of abc active',
      'attach ann dev-1 after 8',
      'dev-1 #9 1',
    ]);
  });

  it('nothing is told where nothing was missed', () => {
    const { hub, ann } = followed(historyBytes);
    hub.disconnect(ann);
    hub.connectSubscriber('ann');
    hub.hush();
    hub.joined('dev-1', { seq: 5 });
    hub.remoteEvent(1, 6);
    expect(hub.got()).toEqual(['dev-1 #6 1']);
  });

  it('a subscriber that resumes gets the state as it is then, without a gap', () => {
    const { hub, ann } = followed(historyBytes);
    hub.ask(ann, 'pause', ['dev-1']);
    hub.hush();
    hub.ask(ann, 'resume', ['dev-1']);
    hub.joined('dev-1', { seq: 8 });
    expect(hub.got().filter((line) => line.startsWith('gap'))).toEqual([]);
    expect(hub.device('dev-1')).toBe('online #8 of abc');
  });

  it('a subscriber that holds what it kept is told nothing before it asks', () => {
    const { hub, ann } = followed(historyBytes);
    hub.disconnect(ann);
    hub.connectSubscriber('ann', 0, { hold: true });
    hub.hush();
    hub.remote('dev-1', { seq: 8 });
    expect(hub.got()).toEqual([]);
  });
});
