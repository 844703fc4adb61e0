import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endpointOf } from '../../src/cli/connection.ts';
import { Contexts } from '../../src/cli/contexts.ts';

let folder = '';
let contexts = new Contexts('');

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('DAT_')) vi.stubEnv(name, undefined);
  folder = mkdtempSync(join(tmpdir(), 'dat-connection-'));
  contexts = new Contexts(folder);
  writeFileSync(join(folder, 'token'), 'of-prod\n');
  writeFileSync(join(folder, 'admin'), 'of-prod-admin\n');
  contexts.save('prod', {
    subscriberUrl: 'wss://prod:7401',
    adminUrl: 'https://prod:7402',
    tokenFile: join(folder, 'token'),
    adminTokenFile: join(folder, 'admin'),
  });
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** Address and token as text. */
function find(listener: 'device' | 'subscriber' | 'admin', options = {}): string {
  const { url, token } = endpointOf(listener, options, contexts);
  return `${url.protocol}//${url.host} ${token}`;
}

describe('where a command finds the hub', () => {
  it('is this host by default, with the token of the environment', () => {
    expect(find('device')).toBe('ws://127.0.0.1:7400 ');
    vi.stubEnv('DAT_TOKEN', 'mine');
    vi.stubEnv('DAT_ADMIN_TOKEN', 'root');
    expect(find('subscriber')).toBe('ws://127.0.0.1:7401 mine');
    expect(find('admin')).toBe('http://127.0.0.1:7402 root');
  });

  it('takes no token from the environment that a header cannot carry, and does not show it', () => {
    vi.stubEnv('DAT_ADMIN_TOKEN', 'root\n');
    expect(find('admin')).toBe('http://127.0.0.1:7402 root');
    for (const token of ['ro\not', 'ro ot', 'ro→ot', 'ro\x07ot']) {
      vi.stubEnv('DAT_ADMIN_TOKEN', token);
      vi.stubEnv('DAT_TOKEN', token);
      const accepted = 'expected one token: visible ASCII characters without spaces';
      expect(() => find('admin')).toThrow(`DAT_ADMIN_TOKEN: ${accepted}`);
      expect(() => find('device')).toThrow(`DAT_TOKEN: ${accepted}`);
    }
  });

  it('is what a flag says, whatever is selected or set', () => {
    contexts.select('prod');
    vi.stubEnv('DAT_ADMIN_PORT', '8080');
    expect(find('admin', { adminUrl: 'http://lab:1' })).toBe('http://lab:1 ');
  });

  it('is the context that is named, before the environment, with its token', () => {
    vi.stubEnv('DAT_ADMIN_PORT', '8080');
    vi.stubEnv('DAT_ADMIN_TOKEN', 'root');
    expect(find('admin', { context: 'prod' })).toBe('https://prod:7402 of-prod-admin');
    expect(find('subscriber', { context: 'prod' })).toBe('wss://prod:7401 of-prod');
    expect(find('admin', { context: 'prod', adminUrl: 'http://lab:1' })).toBe('http://lab:1 of-prod-admin');
  });

  it('is the selected context where flags and environment name no hub', () => {
    contexts.select('prod');
    expect(find('admin')).toBe('https://prod:7402 of-prod-admin');
    vi.stubEnv('DAT_ADMIN_TOKEN', 'root');
    expect(find('admin')).toBe('https://prod:7402 root');
    // One port names a hub on this host: no other listener is looked for elsewhere.
    vi.stubEnv('DAT_DEVICE_PORT', '8080');
    expect(find('admin')).toBe('http://127.0.0.1:7402 root');
  });

  it('never gets the token of a selected context that it does not belong to', () => {
    contexts.select('prod');
    expect(find('admin', { adminUrl: 'https://elsewhere:7402' })).toBe('https://elsewhere:7402 ');
  });

  it('is an error where the context does not have the listener', () => {
    const message = 'context prod has no device listener; pass --device-url';
    expect(() => find('device', { context: 'prod' })).toThrow(message);
    contexts.select('prod');
    expect(() => find('device')).toThrow(message);
  });

  it('is an error where it is not an address', () => {
    expect(() => find('admin', { adminUrl: 'prod:7402' })).toThrow(
      '--admin-url "prod:7402": expected http://HOST:PORT or https://HOST:PORT',
    );
    vi.stubEnv('DAT_ADMIN_PORT', '0');
    expect(() => find('admin')).toThrow('DAT_ADMIN_PORT="0": expected the port');
  });
});
