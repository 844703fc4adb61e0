import { describe, expect, it } from 'vitest';
import {
  attachSlab,
  bytesPerRow,
  createSlab,
  f64,
  highWater,
  i64,
  setHighWater,
  setUsedCount,
  slabBytes,
  u8,
  u16,
  u32,
  usedCount,
} from '../../src/memory/layout.ts';

const columns = {
  a: u8('flag', 'owner'),
  b: u16('count', 'owner'),
  c: u32('slot', 'owner'),
  d: i64('ms', 'owner'),
  e: f64('seq', 'owner'),
};

describe('a slab', () => {
  it('has each column on lines of its own, behind a line of its header', () => {
    const { memory, rows } = createSlab(columns, 100);
    const places = Object.values(rows).map((view) => [view.byteOffset, view.byteLength]);
    expect(places).toEqual([
      [64, 100],
      [192, 200],
      [448, 400],
      [896, 800],
      [1728, 800],
    ]);
    expect([memory.byteLength, slabBytes(columns, 100)]).toEqual([2560, 2560]);
    expect(bytesPerRow(columns)).toBe(23);
  });

  it('is the same memory for all who attach', () => {
    const slab = createSlab(columns, 3);
    const other = attachSlab(columns, slab.memory);
    expect(other.capacity).toBe(3);
    slab.rows.c[2] = 7;
    slab.rows.d[1] = -5n;
    expect([other.rows.c[2], other.rows.d[1]]).toEqual([7, -5n]);
    setHighWater(slab, 2);
    setUsedCount(slab, 1);
    expect([highWater(other), usedCount(other)]).toEqual([2, 1]);
  });

  it('may have a single row', () => {
    expect(createSlab(columns, 1).capacity).toBe(1);
  });

  it.each([0, -1, 1.5, Number.NaN])('cannot have %d rows', (capacity) => {
    expect(() => createSlab(columns, capacity)).toThrow(`slab capacity ${capacity} is not at least 1`);
  });

  it('is refused to those who know other columns, by name, kind or order', () => {
    const { memory } = createSlab(columns, 3);
    const { a, b, ...rest } = columns;
    for (const other of [
      { ...rest, a, b },
      { b, a, ...rest },
      { ...columns, a: u16('flag', 'owner') },
      { x: a, b, ...rest },
    ])
      expect(() => attachSlab(other, memory)).toThrow('this slab has other columns');
  });

  it('is refused where the memory holds none, or is of another length', () => {
    expect(() => attachSlab(columns, new SharedArrayBuffer(2560))).toThrow('this memory holds no slab');
    const { memory } = createSlab(columns, 100);
    const longer = new SharedArrayBuffer(2624);
    new Uint8Array(longer).set(new Uint8Array(memory));
    expect(() => attachSlab(columns, longer)).toThrow('slab of 2624 bytes, 2560 expected');
  });
});
