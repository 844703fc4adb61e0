import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { useHub } from '../../conformance/harness.ts';
import { eventually } from '../../support/eventually.ts';
import { SECRET } from '../../support/tokens.ts';
import { dat, portsOf, start } from '../run.ts';

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
    const devices = ['token', 'create', '--sub', 'a', '--role', 'device', '--devices', 'lab-*'];
    expect(await dat(devices, { DAT_AUTH_JWT_SECRET: SECRET })).toMatchObject({ code: 64 });
  });

  it('creates tokens for gateways', async () => {
    const args = ['token', 'create', '--sub', 'gw-1', '--role', 'gateway', '--devices', 'lab-*'];
    const { stdout } = await dat(args, { DAT_AUTH_JWT_SECRET: SECRET });
    const env = { ...portsOf(hub), DAT_TOKEN: stdout.trim() };
    const fleet = ['gateway', '--id', 'gw-1', '--devices', '2', '--prefix'];
    const { code, stdout: covered } = await dat([...fleet, 'lab-', '--seconds', '1', '--json'], env);
    expect(code).toBe(0);
    expect(JSON.parse(covered.trim().split('\n').at(-1)!)).toMatchObject({ refused: 0 });
    const foreign = start([...fleet, 'site-'], env);
    await eventually('it says why it is refused', () =>
      foreign.out.stderr.includes('the gateway may not speak for this device'),
    );
    foreign.child.kill('SIGINT');
    await foreign.ended;
    const none = await dat([...fleet, 'lab-'], portsOf(hub));
    expect(none).toMatchObject({ code: 77, stderr: expect.stringContaining('--role gateway') });
  });
});
