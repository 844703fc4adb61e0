import { describe, expect, it } from 'vitest';
import { addressBytes } from '../../src/ip.ts';
import { proxyHeader } from '../../src/transport/proxy-header.ts';

describe('the header of the PROXY protocol, version 2', () => {
  it('names an address of IPv4 and its port', () => {
    expect(proxyHeader({ address: addressBytes('10.1.2.3'), port: 0x1234 }).toString('hex')).toBe(
      '0d0a0d0a000d0a515549540a' + '2111000c' + '0a010203' + '00000000' + '1234' + '0000',
    );
  });

  it('names one of IPv6', () => {
    const header = proxyHeader({ address: addressBytes('2001:db8::1'), port: 1 });
    expect(header.subarray(12, 16).toString('hex')).toBe('21210024');
    expect(header.subarray(16, 32).toString('hex')).toBe('20010db8000000000000000000000001');
    expect(header.readUInt16BE(48)).toBe(1);
    expect(header).toHaveLength(52);
  });

  it('names an address of IPv4 inside IPv6 as the former', () => {
    expect(addressBytes('::ffff:10.1.2.3')).toEqual([10, 1, 2, 3]);
  });
});
