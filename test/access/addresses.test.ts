import { describe, expect, it } from 'vitest';
import { Addresses, createAddresses } from '../../src/access/addresses.ts';

function twoThreads(): [Addresses, Addresses] {
  const memory = createAddresses(2, 'seed');
  return [new Addresses(memory, 0), new Addresses(memory, 1)];
}

describe('addresses', () => {
  const [one] = twoThreads();

  it.each([
    ['10.0.0.1', '::ffff:10.0.0.1'],
    ['10.0.0.1', '0000:0000:0000:0000:0000:ffff:0a00:0001'],
    ['2001:db8::1', '2001:0db8:0000:0000:ffff:ffff:ffff:ffff'],
    ['2001:db8:1:2::', '2001:db8:1:2:3:4:5:6'],
    ['fe80::1%eth0', 'fe80::2'],
  ])('%s and %s are one', (a, b) => expect(one.cellOf(a)).toBe(one.cellOf(b)));

  it.each([
    ['10.0.0.1', '10.0.0.2'],
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['10.0.0.1', '::a00:1'],
  ])('%s and %s are two', (a, b) => expect(one.cellOf(a)).not.toBe(one.cellOf(b)));

  it('whatever is none has a cell too', () => {
    for (const text of ['', 'x', '1:2:3:4:5:6:7:8:9', '::::', '999.1.1.1']) {
      expect(one.cellOf(text)).toBeGreaterThanOrEqual(0);
    }
  });

  it('count connections of all threads, and forget those of a thread that starts anew', () => {
    const [a, b] = twoThreads();
    const cell = a.cellOf('10.0.0.1');
    a.count(cell, 1);
    a.count(cell, 1);
    b.count(cell, 1);
    expect(a.connections(cell)).toBe(3);
    a.count(cell, -1);
    expect(b.connections(cell)).toBe(2);
    b.forgetConnections();
    expect(a.connections(cell)).toBe(1);
    expect(a.connections(a.cellOf('10.0.0.2'))).toBe(0);
    a.arrived(cell, 5000);
    b.failed(cell, 60_000);
    a.ban(cell, 61_000);
    expect(a.connections(cell), 'of connections alone').toBe(1);
  });

  it('count arrivals by the second and failures by the minute', () => {
    const [a, b] = twoThreads();
    const cell = a.cellOf('10.0.0.1');
    expect([a.arrived(cell, 5000), b.arrived(cell, 5900), a.arrived(cell, 6000)]).toEqual([1, 2, 1]);
    expect([a.failed(cell, 60_000), b.failed(cell, 119_999), a.failed(cell, 120_000)]).toEqual([1, 2, 1]);
    expect(a.arrived(cell, 6500)).toBe(2);
  });

  it('are banned until the time is over', () => {
    const [a, b] = twoThreads();
    const cell = a.cellOf('10.0.0.1');
    expect(b.bannedForSeconds(cell, 1000)).toBe(0);
    a.ban(cell, 61_000);
    expect(b.bannedForSeconds(cell, 1000)).toBe(60);
    expect(b.bannedForSeconds(cell, 60_999)).toBe(1);
    expect(b.bannedForSeconds(cell, 61_000)).toBe(0);
    expect(b.bannedForSeconds(a.cellOf('10.0.0.2'), 1000)).toBe(0);
  });
});
