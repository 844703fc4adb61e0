import { strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { PairMap } from '../../src/memory/pair-map.ts';
import { runs } from '../support/runs.ts';

const ROWS = 16;
const step = fc.record({ row: fc.nat(ROWS - 1), device: fc.nat(5), subscriber: fc.nat(5) });

describe('a map of pairs over any sequence of operations', () => {
  it('finds the rows of the pairs that are there, and no other', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const devices = new Uint32Array(ROWS);
        const subscribers = new Uint32Array(ROWS);
        const map = new PairMap(devices, subscribers);
        const rows = new Map<string, number>();
        for (const { row, device, subscriber } of steps) {
          const used = [...rows].find(([, one]) => one === row);
          if (used !== undefined) {
            map.remove(row);
            rows.delete(used[0]);
          } else if (!rows.has(`${device} ${subscriber}`)) {
            devices[row] = device;
            subscribers[row] = subscriber;
            map.insert(row);
            rows.set(`${device} ${subscriber}`, row);
          }
          for (let one = 0; one < 6; one++)
            for (let other = 0; other < 6; other++)
              strictEqual(map.find(one, other), rows.get(`${one} ${other}`) ?? -1);
        }
      }),
      { numRuns: runs(100) },
    );
  });
});
