import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from '../../src/access/pattern.ts';
import { type AccessRule, AccessRules } from '../../src/access/rules.ts';

const name = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 });
const pattern = fc.oneof(
  name,
  name.map((prefix) => `${prefix}*`),
  fc.constant('*'),
);
const rule: fc.Arbitrary<AccessRule> = fc.record({
  device: pattern,
  subscriber: pattern,
  access: fc.constantFrom('allow', 'deny'),
});

describe('access rules', () => {
  it('say nothing when there are none', () => {
    expect(new AccessRules([]).decide('dev-1', 's-1')).toBeUndefined();
  });

  it('say nothing of a pair of which only one half matches', () => {
    const rules = new AccessRules([{ device: 'dev-*', subscriber: 'ops-*', access: 'deny' }]);
    expect(rules.decide('dev-1', 's-1')).toBeUndefined();
    expect(rules.decide('cam-1', 'ops-1')).toBeUndefined();
    expect(rules.decide('dev-1', 'ops-1')).toBe('deny');
  });

  it('let the first that matches decide', () => {
    const rules = new AccessRules([
      { device: 'dev-1', subscriber: 's-1', access: 'allow' },
      { device: 'dev-*', subscriber: '*', access: 'deny' },
      { device: '*', subscriber: '*', access: 'allow' },
    ]);
    expect(rules.decide('dev-1', 's-1')).toBe('allow');
    expect(rules.decide('dev-1', 's-2')).toBe('deny');
    expect(rules.decide('cam-1', 's-2')).toBe('allow');
  });

  it('are empty when there are none', () => {
    expect(new AccessRules([]).isEmpty).toBe(true);
    expect(new AccessRules([{ device: '*', subscriber: '*', access: 'deny' }]).isEmpty).toBe(false);
  });

  it('decide each by itself, however many there are, whoever was asked for before', () => {
    const list = Array.from({ length: 100 }, (_, n) => ({
      device: `dev-${n}`,
      subscriber: `s-${n % 7}`,
      access: n % 3 === 0 ? ('allow' as const) : ('deny' as const),
    }));
    const rules = new AccessRules(list);
    for (let n = 0; n < 100; n++)
      for (let s = 0; s < 8; s++)
        expect(rules.decide(`dev-${n}`, `s-${s}`), `${n} ${s}`).toBe(
          n % 7 === s ? list[n]!.access : undefined,
        );
  });

  it('decide as a search through the list does', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 12 }), name, name, (list, device, subscriber) => {
        const first = list.find((one) => matches(one.device, device) && matches(one.subscriber, subscriber));
        expect(new AccessRules(list).decide(device, subscriber)).toBe(first?.access);
      }),
    );
  });
});
