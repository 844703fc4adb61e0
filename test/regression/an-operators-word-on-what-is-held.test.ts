/** An operator makes a held subscription active. The page that was still to name it as held used to undo that. */
import { describe, expect, it } from 'vitest';
import { nameOfSession as name } from '../owner/noted-link.ts';
import { OwnerParts } from '../owner/owner-parts.ts';

const names = ['dev-1', 'dev-2', 'dev-3'];

/** A subscriber of three devices came back and holds them, one to a page; it has read none. */
function holder(follows: readonly string[] = names) {
  const parts = new OwnerParts({ pageBytes: 1 });
  const before = parts.subscriber('s');
  parts.ask(before, 'subscribe', follows);
  for (const device of names) parts.device(device);
  parts.subscribers.leave(before);
  parts.step();
  const session = parts.subscriber('s', { hold: true });
  parts.told();
  const read = (): string[] => {
    for (let page = 0; page < names.length; page++) parts.subscribers.more(session, 0);
    parts.step();
    return parts.told();
  };
  const states = (): string[] => names.map((device) => parts.status(device, 's'));
  return { parts, session, read, states };
}

describe('a held subscription that an operator makes active', () => {
  it('is active, though a page of what is held was still to name it', () => {
    const { parts, session, read, states } = holder();
    expect(parts.setRow('dev-1', 's', 'active').ok).toBe(true);
    expect(parts.told()).toEqual([
      `notice ${name(session)} operatorActive dev-1=active`,
      `attach ${name(session)} dev-1 1`,
    ]);
    expect(read()).toEqual([
      `notice ${name(session)} resumed dev-2=disconnected more`,
      `notice ${name(session)} resumed`,
    ]);
    expect(states()).toEqual(['active', 'disconnected', 'disconnected']);
  });

  it('is active where a held filter follows the device', () => {
    const { parts, read, states } = holder(['dev-*']);
    parts.setRow('dev-1', 's', 'active');
    read();
    expect(states()).toEqual(['active', 'disconnected', 'disconnected']);
  });

  it('stays when what is held expires', () => {
    const { parts, session, read, states } = holder();
    parts.setRow('dev-1', 's', 'active');
    read();
    for (let seconds = 0; seconds <= 300; seconds += 50) {
      parts.heard(session);
      parts.pass(50_000);
    }
    read();
    expect(states()).toEqual(['active', 'none', 'none']);
  });

  it('waits again where its subscriber is lost and comes back', () => {
    const { parts, session, states } = holder();
    parts.setRow('dev-1', 's', 'active');
    parts.subscribers.leave(session);
    parts.step();
    parts.subscriber('s', { hold: true });
    parts.step();
    expect(states()).toEqual(['disconnected', 'disconnected', 'disconnected']);
  });

  it('is delivered, though it was still to be disconnected from an older connection', () => {
    const parts = new OwnerParts({ pageBytes: 1 });
    const older = parts.subscriber('s');
    parts.ask(older, 'subscribe', names);
    parts.keepBusy(parts.subscriber('busy'));
    const session = parts.subscriber('s', { hold: true });
    parts.told();
    expect(parts.status('dev-1', 's')).toBe('active');
    parts.setRow('dev-1', 's', 'active');
    parts.setRow('dev-1', 's', 'active');
    expect(parts.told().filter((line) => !line.startsWith('detach'))).toEqual([
      `notice ${name(session)} operatorActive dev-1=active`,
      `attach ${name(session)} dev-1 0`,
    ]);
    for (let page = 0; page < names.length; page++) {
      parts.subscribers.more(session, 0);
      parts.step();
    }
    expect(names.map((device) => parts.status(device, 's'))).toEqual([
      'active',
      'disconnected',
      'disconnected',
    ]);
  });
});

describe('a held subscription that an operator', () => {
  it.each([
    ['allow', 'disconnected'],
    ['inactive', 'paused'],
    ['deny', 'deny'],
  ] as const)('sets to %s is %s after its page', (status, state) => {
    const { parts, read, states } = holder();
    parts.setRow('dev-1', 's', status);
    read();
    expect(states()).toEqual([state, 'disconnected', 'disconnected']);
  });
});
