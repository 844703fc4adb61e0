import { describe, expect, it } from 'vitest';
import { isApart, restarting, type Sweep, waitsFor } from '../../src/owner/sweep.ts';

const ofSubscribers: readonly Sweep['input'][] = [
  'subscribe',
  'unsubscribe',
  'pause',
  'resume',
  'silence',
  'activity',
  'disconnect',
  'reconnect',
  'expire',
  'list',
  'hold',
  'expireHeld',
  'drop',
];

describe('what a sweep is about', () => {
  it('is apart from another: the end of what is held from silence and activity, and nothing else', () => {
    const pairs = ofSubscribers.flatMap((one) => ofSubscribers.map((other) => [one, other] as const));
    expect(pairs.filter(([one, other]) => isApart(one, other))).toEqual([
      ['silence', 'expireHeld'],
      ['activity', 'expireHeld'],
      ['expireHeld', 'silence'],
      ['expireHeld', 'activity'],
    ]);
  });

  it('waits for another that concerns other rows, and for all that is to be dropped', () => {
    const others = ofSubscribers.filter((input) => input !== 'drop');
    expect(ofSubscribers.filter((newer) => waitsFor(newer, 'drop'))).toEqual(others);
    for (const older of others)
      expect(ofSubscribers.filter((newer) => waitsFor(newer, older))).toEqual(
        ofSubscribers.filter((newer) => isApart(newer, older)),
      );
  });

  it('has filters start again where their subscriber is back, is heard or asks for it', () => {
    expect(ofSubscribers.filter((input) => restarting.has(input))).toEqual([
      'resume',
      'activity',
      'reconnect',
    ]);
  });
});
