/**
 * A filter's first pages named all devices that it matches. Its pages after a pause, a silence or a reconnect left out
 * those that were followed by id, too, though `matched` counted them after a `resume` without devices.
 */
import { describe, expect, it } from 'vitest';
import { OwnerHarness } from '../owner/owner-harness.ts';
import type { Frame } from '../support/frames.ts';

const BOTH = ['dev-1', 'dev-2'];

/** `s` follows two devices by a filter, and the first by id, too. */
function following() {
  const hub = new OwnerHarness();
  for (const id of BOTH) hub.connectDevice(id);
  const session = hub.connect('s');
  hub.ask(session, 'subscribe', ['dev-*', 'dev-1']);
  hub.poll();
  hub.received();
  return { hub, session };
}

function framesOf(hub: OwnerHarness): Frame[] {
  hub.poll();
  return hub.received().flatMap((one) => (one.kind === 'text' ? [one.frame] : []));
}

/** The devices in pages of the filter. */
function paged(frames: readonly Frame[]): string[] {
  return frames
    .filter((frame) => frame.op === 'subscribed' && frame.filter === 'dev-*')
    .flatMap(({ devices }) => (devices as readonly { device: string }[]).map(({ device }) => device))
    .sort();
}

describe('the pages of a filter that is active again name all devices that it follows', () => {
  it('after a reconnect', () => {
    const { hub, session } = following();
    hub.disconnect(session);
    hub.received();
    hub.connect('s');
    const frames = framesOf(hub);
    expect(frames[0]).toMatchObject({ op: 'welcome', resumed: ['dev-1'] });
    expect(paged(frames)).toEqual(BOTH);
  });

  it.each([
    ['the filter', ['dev-*']],
    ['everything', undefined],
  ])('after a resume of %s, which counts as many', (_, devices) => {
    const { hub, session } = following();
    hub.ask(session, 'pause', devices);
    hub.received();
    const answer = hub.ask(session, 'resume', devices);
    expect(answer).toMatchObject({ filters: [{ filter: 'dev-*', matched: 2 }] });
    expect(paged(framesOf(hub))).toEqual(BOTH);
  });
});

describe('a device that its subscriber paused by id', () => {
  it('stays paused when only the filter is resumed, and is neither counted nor named', () => {
    const { hub, session } = following();
    hub.ask(session, 'pause');
    hub.received();
    const answer = hub.ask(session, 'resume', ['dev-*']);
    expect(answer).toMatchObject({ filters: [{ filter: 'dev-*', matched: 1 }] });
    expect(paged(framesOf(hub))).toEqual(['dev-2']);
    expect(hub.status('dev-1', 's')).toBe('inactive/paused');
  });

  it('stays paused over a reconnect', () => {
    const { hub, session } = following();
    hub.ask(session, 'pause', ['dev-1']);
    hub.disconnect(session);
    hub.received();
    hub.connect('s');
    expect(paged(framesOf(hub))).toEqual(['dev-2']);
    expect(hub.status('dev-1', 's')).toBe('inactive/paused');
  });
});
