import { describe, expect, it } from 'vitest';
import { ListsByKey } from '../../src/transport/lists-by-key.ts';

describe('lists by key', () => {
  it('hold the items of each key, oldest first', () => {
    const lists = new ListsByKey<number>();
    lists.add('a', 1);
    const two = lists.add('a', 2);
    lists.add('a', 3);
    lists.add('b', 4);
    lists.remove('a', two);
    expect([...lists.get('a')!]).toEqual([1, 3]);
    expect([...lists.get('b')!]).toEqual([4]);
    expect(lists.get('c')).toBeUndefined();
  });

  it('count keys that have items, each once', () => {
    const lists = new ListsByKey<number>();
    const nodes = [lists.add('a', 1), lists.add('a', 2)];
    const other = lists.add('b', 3);
    expect(lists.size).toBe(2);
    lists.remove('a', nodes[0]!);
    expect(lists.size).toBe(2);
    lists.remove('a', nodes[1]!);
    lists.remove('a', nodes[1]!);
    lists.remove('c', other);
    expect(lists.size).toBe(1);
    lists.add('a', 4);
    expect(lists.size).toBe(2);
    lists.clear();
    expect([lists.size, lists.get('a')]).toEqual([0, undefined]);
  });

  it('forget keys without items when there are many', () => {
    const lists = new ListsByKey<number>();
    const keys = Array.from({ length: 1000 }, (_, index) => `k${index}`);
    const nodes = keys.map((key, index) => lists.add(key, index));
    for (const [index, key] of keys.entries()) lists.remove(key, nodes[index]!);
    expect(lists.size).toBe(0);
    expect(keys.filter((key) => lists.get(key) !== undefined).length).toBeLessThanOrEqual(64);
  });
});
