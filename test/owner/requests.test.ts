import { describe, expect, it } from 'vitest';
import { typeBits } from '../../src/wire/events.ts';
import { nameOfSession as name } from './noted-link.ts';
import { type Coming, OwnerParts, type PartsOptions } from './owner-parts.ts';

const deny = (device: string) => ({ device, subscriber: '*', access: 'deny' }) as const;

/** A subscriber that is connected; what it was told is read. */
function connected(options: PartsOptions = {}, coming: Coming = {}) {
  const parts = new OwnerParts(options);
  const session = parts.subscriber('s', coming);
  parts.told();
  /** @returns what the session is told: the answer without its number, and what follows it */
  const ask = (
    op: 'subscribe' | 'unsubscribe' | 'pause' | 'resume',
    names: readonly string[],
    types?: number,
  ) => {
    parts.told();
    parts.ask(session, op, names, types);
    return parts
      .told()
      .map((line) => line.replace(` ${name(session)}`, '').replace(/^answer \d+ ?/, 'answer '));
  };
  const types = (device: string): number[] => {
    const { types: all, ownTypes } = parts.registry.subscriptions.rows;
    const row = parts.row(device, 's');
    return [ownTypes[row]!, all[row]!];
  };
  return { parts, session, ask, types };
}

describe('a subscription by id', () => {
  it('is answered with each device once, before its events come', () => {
    const { ask } = connected();
    expect(ask('subscribe', ['dev-1', 'dev-2', 'dev-1'])).toEqual([
      'answer dev-1=active dev-2=active',
      'attach dev-1 0',
      'attach dev-2 0',
    ]);
  });

  it('that is there already asks for other types, and is active again', () => {
    const { parts, ask, types } = connected();
    ask('subscribe', ['dev-1']);
    ask('pause', ['dev-1']);
    expect(ask('subscribe', ['dev-1'], typeBits.message)).toEqual([
      'answer dev-1=active',
      `attach dev-1 0 types-${typeBits.message}`,
    ]);
    expect(types('dev-1')).toEqual([typeBits.message, typeBits.message]);
    expect(parts.status('dev-1', 's')).toBe('active');
  });

  it('takes up what an operator allowed', () => {
    const { parts, ask } = connected({ defaultAccess: 'deny' });
    parts.setRow('dev-1', 's', 'allow');
    expect(ask('subscribe', ['dev-1', 'dev-2'])[0]).toBe('answer dev-1=active dev-2!notAllowed');
  });

  it('gets the types of filters beside its own', () => {
    const { parts, session, ask, types } = connected();
    parts.device('dev-1');
    parts.ask(session, 'subscribe', ['dev-*'], typeBits.pong);
    ask('subscribe', ['dev-1', 'dev-2'], typeBits.message);
    const both = [typeBits.message, typeBits.message + typeBits.pong];
    expect([types('dev-1'), types('dev-2')]).toEqual([both, both]);
  });

  it.each<[string, string, PartsOptions, Coming]>([
    ['the token does not cover', 'notCovered', {}, { covers: ['other'] }],
    ['a rule denies', 'notAllowed', { rules: [deny('dev-1')] }, {}],
    ['is denied by default', 'notAllowed', { defaultAccess: 'deny' }, {}],
    ['is one too many', 'tooMany', { rowsMax: 0 }, {}],
  ])('is refused where it %s: %s', (_, why, options, coming) => {
    const { parts, ask } = connected(options, coming);
    expect(ask('subscribe', ['dev-1'])).toEqual([`answer dev-1!${why}`]);
    parts.pass(10);
    expect(parts.state('dev-1')).toBe('free');
  });

  it('is refused where an operator denies it', () => {
    const { parts, ask } = connected();
    parts.setRow('dev-1', 's', 'deny');
    expect(ask('subscribe', ['dev-1'])).toEqual(['answer dev-1!notAllowed']);
  });

  it('may be as many as are allowed, and each of them anew', () => {
    const { ask } = connected({ rowsMax: 2 });
    expect(ask('subscribe', ['dev-1', 'dev-2', 'dev-3', 'dev-1'])[0]).toBe(
      'answer dev-1=active dev-2=active dev-3!tooMany',
    );
    expect(ask('subscribe', ['dev-1'])[0]).toBe('answer dev-1=active');
  });

  it('finds half of the table taken by ids that no device has used', () => {
    const { parts, ask } = connected({ capacity: { devices: 4 } });
    expect(ask('subscribe', ['dev-1', 'dev-2', 'dev-3'])[0]).toBe(
      'answer dev-1=active dev-2=active dev-3!unusedFull',
    );
    expect(ask('subscribe', ['dev-1'])[0]).toBe('answer dev-1=active');
    parts.device('dev-3');
    expect(ask('subscribe', ['dev-3'])[0]).toBe('answer dev-3=active');
  });

  it('finds the subscriptions full, and leaves no device behind', () => {
    const { parts, ask } = connected({ capacity: { subscriptions: 1 } });
    expect(ask('subscribe', ['dev-1', 'dev-2'])[0]).toBe('answer dev-1=active dev-2!full');
    parts.pass(10);
    expect([parts.state('dev-1'), parts.state('dev-2')]).toEqual(['offline', 'free']);
  });

  it('finds the devices full', () => {
    const { parts, ask } = connected({ capacity: { devices: 1 } });
    parts.device('dev-1');
    expect(ask('subscribe', ['dev-2'])).toEqual(['answer dev-2!full']);
  });
});

describe('a request for subscriptions that there are', () => {
  it('pauses, resumes and ends them', () => {
    const { parts, ask } = connected();
    ask('subscribe', ['dev-1']);
    expect(ask('pause', ['dev-1', 'dev-1'])).toEqual(['answer dev-1=paused', 'detach dev-1']);
    expect(ask('resume', ['dev-1'])).toEqual(['answer dev-1=active', 'attach dev-1 0']);
    expect(ask('unsubscribe', ['dev-1'])).toEqual(['answer dev-1=none', 'detach dev-1']);
    parts.pass(10);
    expect(parts.state('dev-1')).toBe('free');
  });

  it.each(['unsubscribe', 'pause', 'resume'] as const)('%s needs one', (op) => {
    const { parts, ask } = connected();
    parts.device('there');
    parts.setRow('allowed', 's', 'allow');
    parts.setRow('denied', 's', 'deny');
    parts.told();
    expect(ask(op, ['nothing', 'there', 'allowed', 'denied'])).toEqual([
      'answer nothing!notSubscribed there!notSubscribed allowed!notSubscribed denied!denied',
    ]);
  });

  it('does not resume what the token does not cover any more', () => {
    const { parts, session, ask } = connected();
    ask('subscribe', ['dev-1']);
    ask('pause', ['dev-1']);
    parts.subscribers.leave(session);
    const next = parts.subscriber('s', { covers: ['other'] });
    parts.setRow('dev-1', 's', 'inactive');
    parts.told();
    parts.ask(next, 'resume', ['dev-1']);
    expect(parts.told()[0]).toMatch(/^answer 2@0 \d+ dev-1!notCovered$/);
    parts.ask(next, 'unsubscribe', ['dev-1']);
    expect(parts.told()[0]).toMatch(/^answer 2@0 \d+ dev-1=none$/);
  });

  it('leaves an operator’s grant where the pair is denied without it', () => {
    const { parts, ask } = connected({ defaultAccess: 'deny' });
    parts.setRow('dev-1', 's', 'allow');
    ask('subscribe', ['dev-1']);
    expect(ask('unsubscribe', ['dev-1'])[0]).toBe('answer dev-1=allow');
  });
});

describe('a device that a filter follows, too', () => {
  it('is not unsubscribed by id where only the filter follows it, but can be paused', () => {
    const { parts, session, ask } = connected();
    parts.device('dev-1');
    parts.ask(session, 'subscribe', ['dev-*']);
    parts.told();
    expect(ask('unsubscribe', ['dev-1'])).toEqual(['answer dev-1!notSubscribed']);
    expect(ask('pause', ['dev-1'])[0]).toBe('answer dev-1=paused');
    expect(ask('resume', ['dev-1'])[0]).toBe('answer dev-1=active');
  });

  it('goes on with the types of the filter when it is unsubscribed by id', () => {
    const { parts, session, ask, types } = connected();
    parts.device('dev-1');
    parts.ask(session, 'subscribe', ['dev-*'], typeBits.pong);
    ask('subscribe', ['dev-1'], typeBits.message);
    expect(ask('unsubscribe', ['dev-1'])).toEqual([
      `attach dev-1 0 types-${typeBits.pong}`,
      'answer dev-1=active',
    ]);
    expect(types('dev-1')).toEqual([0, typeBits.pong]);
  });

  it('is paused when it is unsubscribed by id and the filter is paused', () => {
    const { parts, session, ask } = connected();
    parts.device('dev-1');
    parts.ask(session, 'subscribe', ['dev-*']);
    ask('subscribe', ['dev-1']);
    parts.ask(session, 'pause', ['dev-*']);
    expect(ask('unsubscribe', ['dev-1'])[0]).toBe('answer dev-1=active');
    expect(parts.status('dev-1', 's')).toBe('paused');
  });

  it('is not followed any more when no device has used the id yet', () => {
    const { parts, session, ask } = connected();
    parts.ask(session, 'subscribe', ['dev-*']);
    parts.told();
    ask('subscribe', ['dev-1']);
    expect(ask('unsubscribe', ['dev-1'])[0]).toBe('answer dev-1=none');
    expect(parts.status('dev-1', 's')).toBe('none');
  });
});
