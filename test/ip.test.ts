import { describe, expect, it } from 'vitest';
import { isLoopback, networkOf } from '../src/ip.ts';

describe('isLoopback', () => {
  it.each(['localhost', 'LocalHost', '127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1', '::1%lo'])(
    'takes %s for this machine',
    (host) => expect(isLoopback(host)).toBe(true),
  );

  it.each(['', '0.0.0.0', '::', '10.0.0.1', '127.1', '0x7f000001', 'localhost.example', '::2', '[::1]'])(
    'takes %j for another',
    (host) => expect(isLoopback(host)).toBe(false),
  );
});

describe('networkOf', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
    ['fe80::1%eth0', 'fe80::2'],
    ['no address', ''],
  ])('%s is of the network of %s', (a, b) => expect(networkOf(a)).toBe(networkOf(b)));

  it('keeps networks apart', () => {
    const networks = ['10.0.0.1', '10.0.0.2', '2001:db8:1:2::', '2001:db8:1:3::', '::a00:1', ''].map(
      networkOf,
    );
    expect(new Set(networks).size).toBe(networks.length);
  });
});
