import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { useHub } from '../../conformance/harness.ts';
import { SECRET } from '../../support/tokens.ts';
import { dat, portsOf } from '../run.ts';

describe('dat token', () => {
  const admin = 'admin-token';
  const hub = useHub({ DAT_AUTH_JWT_SECRET: SECRET, DAT_ADMIN_TOKEN: admin });
  const folder = mkdtempSync(join(tmpdir(), 'dat-token-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('creates tokens that the hub accepts, and reads them', async () => {
    const env = portsOf(hub);
    const made = await dat(['token', 'create', '--sub', 'dev-1', '--role', 'device', '--expires', '60'], {
      DAT_AUTH_JWT_SECRET: SECRET,
    });
    expect(made.code).toBe(0);
    const token = made.stdout.trim();
    expect(await dat(['send', 'dev-1', '1'], { ...env, DAT_TOKEN: token })).toMatchObject({ code: 0 });
    const inspected = await dat(['token', 'inspect', token, '--json']);
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      header: { alg: 'HS256' },
      payload: { sub: 'dev-1', role: 'device' },
      problems: [],
    });
    const other = await dat(['send', 'dev-2', '1'], { ...env, DAT_TOKEN: token });
    expect(other.code).toBe(77);
  });

  it('signs with a private key, and refuses keys that hubs do not take', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const path = join(folder, 'key.pem');
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const args = ['token', 'create', '--sub', 'app-1', '--role', 'subscriber', '--devices', 'lab-*'];
    const made = await dat([...args, '--key-file', path, '--json']);
    expect(JSON.parse(made.stdout)).toMatchObject({ role: 'subscriber', devices: ['lab-*'] });
    expect(await dat([...args, '--key-file', join(folder, 'none.pem')])).toMatchObject({ code: 78 });
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    const other = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;
    for (const key of [weak, other]) {
      writeFileSync(path, key.export({ type: 'pkcs8', format: 'pem' }));
      const { code, stderr } = await dat([...args, '--key-file', path]);
      expect(code).toBe(78);
      expect(stderr).toMatch(
        /^dat: --key-file .+ expected RSA with 2048 bits or more, EC P-256 or Ed25519\n$/,
      );
    }
  });

  it('wants a key, and claims only where they count', async () => {
    expect(await dat(['token', 'create', '--sub', 'a', '--role', 'device'])).toMatchObject({ code: 78 });
    const vip = ['token', 'create', '--sub', 'a', '--role', 'device', '--vip'];
    expect(await dat(vip, { DAT_AUTH_JWT_SECRET: SECRET })).toMatchObject({ code: 64 });
  });
});
