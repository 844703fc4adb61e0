import { describe, expect, it } from 'vitest';
import { OwnerHarness } from '../owner/owner-harness.ts';

describe('a device that appears between the answer to a filter and its first page', () => {
  const followed = (subscriptions: number) => {
    const hub = new OwnerHarness({ capacity: { devices: 8, subscribers: 8, subscriptions } });
    const session = hub.connect('s');
    hub.ask(session, 'subscribe', ['dev-1', 'dev-2']);
    hub.follow(session, ['new-*']);
    hub.connectDevice('new-1');
    hub.poll();
    return hub.received().flatMap((one) => (one.kind === 'text' ? [one.frame] : []));
  };

  it('is in that page', () => {
    expect(followed(3)).toContainEqual(
      expect.objectContaining({ filter: 'new-*', devices: [expect.objectContaining({ device: 'new-1' })] }),
    );
  });

  it('is told of as an error when there is no room for it', () => {
    expect(followed(2)).toContainEqual(expect.objectContaining({ op: 'error', code: 106, filter: 'new-*' }));
  });
});
