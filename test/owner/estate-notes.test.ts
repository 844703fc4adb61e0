import { beforeEach, describe, expect, it } from 'vitest';
import { EstateNotes } from '../../src/owner/estate-notes.ts';
import type { EstateChanges } from '../../src/records/estate.ts';
import { NO_WILL } from '../../src/records/requests.ts';

describe('what changes of an estate', () => {
  const kept = { text: 'kept', untilMs: 1 };
  const will = { session: 1, ...NO_WILL };
  let told: EstateChanges[];
  let notes: EstateNotes;
  beforeEach(() => {
    told = [];
    notes = new EstateNotes((changes) => told.push(changes));
  });
  const flushed = (): EstateChanges[] => {
    notes.flush();
    return told.splice(0);
  };

  it('is told once, and as it was last', () => {
    notes.keep('a', kept);
    notes.forget('a');
    notes.keep('b', kept);
    notes.will('d', will);
    const clients = new Map([
      ['a', undefined],
      ['b', kept],
    ]);
    expect(flushed()).toEqual([{ clients, wills: new Map([['d', will]]) }]);
    expect(flushed()).toEqual([]);
    notes.will('d', undefined);
    expect(flushed()).toEqual([{ clients: new Map(), wills: new Map([['d', undefined]]) }]);
  });

  it('is forgotten when it has been given back, which is not before there is room on its way', () => {
    const line = { hasBacklog: true };
    notes.give('a', line);
    expect(flushed()).toEqual([]);
    line.hasBacklog = false;
    expect(flushed()).toEqual([{ clients: new Map([['a', undefined]]), wills: new Map() }]);
    expect(flushed()).toEqual([]);
  });

  it('is what was kept later, whatever waits for room', () => {
    const line = { hasBacklog: true };
    notes.give('a', line);
    notes.keep('a', kept);
    notes.give('b', line);
    notes.forget('b');
    line.hasBacklog = false;
    const clients = new Map([
      ['a', kept],
      ['b', undefined],
    ]);
    expect(flushed()).toEqual([{ clients, wills: new Map() }]);
    expect(flushed()).toEqual([]);
  });
});
