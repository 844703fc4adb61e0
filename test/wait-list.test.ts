import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaitList } from '../src/wait-list.ts';

describe('A list of what waits for its turn', () => {
  it('gives each in the order in which it came, whatever leaves or comes meanwhile', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constantFrom('set', 'delete'), key: fc.nat(9) }),
      fc.record({ do: fc.constantFrom('first', 'take', 'clear'), key: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const list = new WaitList<number, string>();
        const model = new Map<number, string>();
        for (const [n, { do: what, key }] of steps.entries()) {
          const [first] = model.keys();
          if (what === 'set') {
            list.set(key, `${n}`);
            model.set(key, `${n}`);
          } else if (what === 'delete') expect(list.delete(key)).toBe(model.delete(key));
          else if (what === 'first') expect(list.first()).toBe(first);
          else if (what === 'clear') {
            list.clear();
            model.clear();
          } else {
            expect(list.take()).toBe(first === undefined ? undefined : model.get(first));
            if (first !== undefined) model.delete(first);
          }
          expect([list.size, list.has(key)]).toEqual([model.size, model.has(key)]);
        }
      }),
    );
  });

  it('keeps the order, and the place of one that comes once more', () => {
    const list = new WaitList<string, number>();
    for (const [value, key] of ['a', 'b', 'c'].entries()) list.set(key, value);
    list.set('b', 7);
    list.delete('a');
    expect([list.first(), list.take(), list.take(), list.take()]).toEqual(['b', 7, 2, undefined]);
    list.set('d', 9);
    expect([list.first(), list.take(), list.first()]).toEqual(['d', 9, undefined]);
  });
});
