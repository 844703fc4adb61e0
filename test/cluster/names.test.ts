import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusterNames, decodeName, encodeName } from '../../src/cluster/names.ts';
import { isClusterName, isId } from '../../src/wire/id.ts';

const id = fc.stringMatching(/^[A-Za-z0-9._:~-]{1,128}$/).filter(isId);

describe('names in subjects and keys', () => {
  it('hold any id, and no character that NATS gives a meaning', () => {
    fc.assert(
      fc.property(id, (given) => {
        const name = encodeName(given);
        expect(name).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(decodeName(name)).toBe(given);
      }),
    );
  });

  it('are read in one spelling only', () => {
    for (const text of ['', '!', 'ZGV2LTE=', 'ZGV2LTF', 'Li4vLi4', 'YSBi'])
      expect(decodeName(text), text).toBeUndefined();
    expect(decodeName('ZGV2LTE')).toBe('dev-1');
  });

  it('of a cluster are part of its subjects and its bucket', () => {
    const { beats, bucket, mailbox } = clusterNames('factory-1');
    expect([beats, bucket, mailbox('a.b')]).toEqual([
      'dat.factory-1.beat',
      'dat_factory-1',
      'dat.factory-1.node.YS5i',
    ]);
    for (const name of ['', 'a.b', 'a b', '*', 'x'.repeat(65)]) {
      expect(isClusterName(name), name).toBe(false);
      expect(() => clusterNames(name)).toThrow(RangeError);
    }
  });
});
