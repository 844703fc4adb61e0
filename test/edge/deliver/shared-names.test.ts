import { describe, expect, it } from 'vitest';
import { SharedNames } from '../../../src/edge/deliver/shared-names.ts';

describe('a shared name', () => {
  it('has one number, however often it is taken', () => {
    const names = new SharedNames();
    const numbers = ['a', 'b', 'a'].map((name) => names.take(name));
    expect(numbers).toEqual([0, 1, 0]);
    expect(numbers.map((number) => names.nameOf(number))).toEqual(['a', 'b', 'a']);
    expect([names.numberOf('b'), names.numberOf('c'), names.size]).toEqual([1, -1, 2]);
  });

  it('is known until it was given back as often as it was taken', () => {
    const names = new SharedNames();
    const number = names.take('a');
    names.take('a');
    names.take('b');
    names.giveBack(number);
    expect([names.numberOf('a'), names.size]).toEqual([number, 2]);
    names.giveBack(number);
    expect([names.numberOf('a'), names.size]).toEqual([-1, 1]);
  });

  it('leaves its number to another', () => {
    const names = new SharedNames();
    const [a, b] = [names.take('a'), names.take('b')];
    names.giveBack(a);
    expect([names.take('c'), names.take('d'), names.nameOf(b)]).toEqual([a, 2, 'b']);
    expect([names.nameOf(a), names.numberOf('a')]).toEqual(['c', -1]);
  });

  it('begins anew when nobody uses any', () => {
    const names = new SharedNames();
    for (const number of [names.take('a'), names.take('b')]) names.giveBack(number);
    expect([names.size, names.take('c'), names.take('d')]).toEqual([0, 0, 1]);
  });
});
