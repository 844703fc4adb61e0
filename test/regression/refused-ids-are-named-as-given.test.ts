/**
 * An answer named a malformed id by its first 128 characters. Of one that is too long by a character, that is an id, and
 * somebody else's: the same answer said that the subscriber followed it, and that it did not. Objects and lists were all
 * named `null`, which is an id as well.
 */
import { describe, expect, it } from 'vitest';
import { isId } from '../../src/wire/id.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const longest = 'x'.repeat(128);
const malformed = [
  `${longest}y`,
  'y'.repeat(200),
  'z'.repeat(60_000),
  'é'.repeat(64),
  'a b',
  {},
  ['a'],
  [[]],
];

async function ask(op: string, devices: readonly unknown[]) {
  const hub = new OneThreadHub();
  const subscriber = await hub.peer('subscriber', 's');
  subscriber.say({ op: 'subscribe', devices: [longest] });
  await hub.settle();
  subscriber.frames();
  subscriber.say({ op, id: 1, devices });
  await hub.settle();
  const [answer] = subscriber.frames() as [{ errors: { device: string; code: number }[] }];
  return answer;
}

describe('an id that an answer refuses as malformed', () => {
  it.each(['subscribe', 'unsubscribe', 'pause', 'resume'])(
    'is never named as another id (%s)',
    async (op) => {
      const { errors } = await ask(op, [...malformed, longest]);
      expect(errors.map(({ code }) => code)).toEqual(errors.map(() => 107));
      expect(errors.filter(({ device }) => isId(device))).toEqual([]);
      expect(errors.length).toBeGreaterThanOrEqual(7); // two lists are named alike
    },
  );

  it('is named whole, unless it is far too long', async () => {
    const { errors } = await ask('subscribe', malformed.slice(0, 5));
    expect(errors.map(({ device }) => device)).toEqual([
      `${longest}y`,
      'y'.repeat(200),
      `${'z'.repeat(256)}…`,
      'é'.repeat(64),
      'a b',
    ]);
  });
});
