/**
 * A subscriber comes back with `hold`. What it has not subscribed to again stays inactive in every respect: a held filter
 * used to add its types to what is followed otherwise, and to keep a device active that was unsubscribed by its id.
 */
import { describe, expect, it } from 'vitest';
import { ALL_TYPES, typeBits } from '../../src/wire/events.ts';
import { nameOfSession as name } from '../owner/noted-link.ts';
import { OwnerParts } from '../owner/owner-parts.ts';

/** A subscriber of these, in all types, that came back and holds them; `dev-1` is there. */
function holder(...follows: readonly string[]) {
  const parts = new OwnerParts();
  const before = parts.subscriber('s');
  parts.device('dev-1');
  parts.ask(before, 'subscribe', follows);
  parts.subscribers.leave(before);
  parts.step();
  const session = parts.subscriber('s', { hold: true });
  parts.told();
  const types = (): number => parts.registry.subscriptions.rows.types[parts.row('dev-1', 's')]!;
  return { parts, session, types };
}

describe('a held filter', () => {
  it('adds no types to what is followed by id', () => {
    const { parts, session, types } = holder('dev-*');
    parts.ask(session, 'subscribe', ['dev-1'], typeBits.status);
    expect(types()).toBe(typeBits.status);
    expect(parts.told()).toContain(`attach ${name(session)} dev-1 0 types-${typeBits.status}`);
  });

  it('adds none to what another filter follows', () => {
    const { parts, session, types } = holder('dev-*');
    parts.ask(session, 'subscribe', ['d*'], typeBits.status);
    expect(types()).toBe(typeBits.status);
  });

  it('adds its types once it is subscribed to', () => {
    const { parts, session, types } = holder('dev-*');
    parts.ask(session, 'subscribe', ['dev-1'], typeBits.status);
    parts.ask(session, 'subscribe', ['dev-*'], typeBits.message);
    expect(types()).toBe(typeBits.status | typeBits.message);
  });

  it('adds them again in a connection that holds nothing', () => {
    const { parts, session, types } = holder('dev-*');
    parts.ask(session, 'subscribe', ['dev-1'], typeBits.status);
    parts.subscribers.leave(session);
    parts.step();
    const again = parts.subscriber('s');
    parts.step();
    expect([types(), parts.status('dev-1', 's')]).toEqual([ALL_TYPES, 'active']);
    expect(parts.told()).toContain(`attach ${name(again)} dev-1 0`);
  });

  it.each([
    ['an id', 'dev-1'],
    ['another filter', 'd*'],
  ])('keeps no device active that was unsubscribed by %s', (_by, follow) => {
    const { parts, session } = holder('dev-*');
    parts.ask(session, 'subscribe', [follow]);
    parts.ask(session, 'unsubscribe', [follow]);
    expect(parts.status('dev-1', 's')).toBe('disconnected');
    expect(parts.told()).toContain(`detach ${name(session)} dev-1`);
  });

  it('leaves a device paused that was unsubscribed by its id, being paused', () => {
    const { parts, session } = holder('dev-*');
    parts.ask(session, 'subscribe', ['dev-1']);
    parts.ask(session, 'pause', ['dev-1']);
    parts.ask(session, 'unsubscribe', ['dev-1']);
    expect(parts.status('dev-1', 's')).toBe('paused');
  });

  it('is not resumed, nor is a device that was paused by itself beneath it', () => {
    const { parts, session } = holder('dev-*', 'd*');
    parts.ask(session, 'subscribe', ['d*']);
    parts.ask(session, 'pause', ['dev-1']);
    parts.told();
    parts.ask(session, 'resume', ['dev-*']);
    expect(parts.told()).toEqual([`answer ${name(session)} 4 dev-*=0`, `page ${name(session)} dev-*`]);
    expect(parts.status('dev-1', 's')).toBe('paused');
  });

  it('takes nothing along when it expires that another filter goes on following', () => {
    const { parts, session } = holder('dev-*', 'd*');
    parts.ask(session, 'pause', ['d*']);
    parts.device('dev-2');
    for (let seconds = 0; seconds <= 300; seconds += 50) {
      parts.heard(session);
      parts.pass(50_000);
    }
    expect(parts.told()).toContain(`notice ${name(session)} inactiveTooLong dev-*=5`);
    expect(parts.status('dev-2', 's')).toBe('paused');
    parts.ask(session, 'resume', ['d*']);
    expect(parts.told()).toContain(`page ${name(session)} d* dev-2=active dev-1=active`);
  });
});

it('a held id is followed from where a filter that was subscribed to comes to match it', () => {
  const { parts, session } = holder('new-1');
  parts.ask(session, 'subscribe', ['new-*']);
  parts.told();
  parts.device('new-1');
  expect(parts.told().slice(1)).toEqual([
    `page ${name(session)} new-* new-1=active`,
    `attach ${name(session)} new-1 0`,
    'event new-1 1 status {"state":"online","reason":"connected"}',
  ]);
});
