import { describe, expect, it } from 'vitest';
import { LinkedList, type ListNode } from '../src/linked-list.ts';

describe('a linked list', () => {
  it('is what a set is, with members that leave from anywhere, in the order in which they came', () => {
    const list = new LinkedList<number>();
    const nodes = new Map<number, ListNode<number>>();
    let random = 7;
    for (let turn = 0; turn < 2000; turn++) {
      random = (random * 1103515245 + 12345) % 2 ** 31;
      const member = random % 12;
      const node = nodes.get(member);
      if (node === undefined) nodes.set(member, list.add(member));
      else {
        expect(list.remove(node)).toBe(true);
        nodes.delete(member);
      }
      expect([...list]).toEqual([...nodes.keys()]);
      expect(list.size).toBe(nodes.size);
      expect(list.first?.item).toBe([...nodes.keys()][0]);
    }
  });

  it('removes nothing twice, and nothing of another list', () => {
    const list = new LinkedList<string>();
    const other = new LinkedList<string>();
    const node = list.add('a');
    list.add('b');
    expect(other.remove(node)).toBe(false);
    expect(list.remove(node)).toBe(true);
    expect(list.remove(node)).toBe(false);
    expect([...list]).toEqual(['b']);
  });

  it('is gone through while each item that is handed out leaves', () => {
    const list = new LinkedList<ListNode<string>[]>();
    const boxes = ['a', 'b', 'c'].map(() => [] as ListNode<string>[]);
    const nodes = boxes.map((box) => list.add(box));
    let seen = 0;
    for (const box of list) {
      list.remove(nodes[boxes.indexOf(box)]!);
      seen += 1;
    }
    expect([seen, list.size]).toEqual([3, 0]);
  });

  it('keeps nothing alive by a node that has left', () => {
    const list = new LinkedList<string>();
    const left = list.add('a');
    list.add('b');
    list.remove(left);
    const referred = Object.values(left).filter((value) => typeof value === 'object' && value !== null);
    expect(referred).toEqual([]);
  });
});
