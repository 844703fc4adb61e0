import { describe, expect, it } from 'vitest';
import { addressOf, isSecure } from '../../src/cli/address.ts';

describe('the address of a URL', () => {
  it.each([
    ['ws://hub.example', { host: 'hub.example', port: 80, servername: 'hub.example' }],
    ['https://hub.example:7402', { host: 'hub.example', port: 7402, servername: 'hub.example' }],
    ['mqtts://hub.example', { host: 'hub.example', port: 8883, servername: 'hub.example' }],
    ['mqtt://127.0.0.1', { host: '127.0.0.1', port: 1883 }],
    ['mqtts://[::1]:8884', { host: '::1', port: 8884 }],
    ['wss://[::1]', { host: '::1', port: 443 }],
  ])('%s has a host, a port, and a server name unless it is an IP address', (url, address) => {
    expect(addressOf(new URL(url))).toEqual(address);
  });

  it('tells which schemes mean TLS', () => {
    const secure = ['ws', 'wss', 'http', 'https', 'mqtt', 'mqtts'].filter((scheme) =>
      isSecure(new URL(`${scheme}://hub.example`)),
    );
    expect(secure).toEqual(['wss', 'https', 'mqtts']);
  });
});
