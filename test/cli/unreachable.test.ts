import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { useHub } from '../conformance/harness.ts';
import { firstOf } from '../support/attempts.ts';
import { makeCertificate } from '../support/certificates.ts';
import { SECRET, tokenFor } from '../support/tokens.ts';
import { dat, portsOf } from './run.ts';

describe('dat beside a hub with TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dat-tls-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const { certFile, keyFile } = makeCertificate(folder);
  const hub = useHub({ DAT_TLS_CERT_FILE: certFile, DAT_TLS_KEY_FILE: keyFile });

  it('names the scheme to use where a plain connection fails', async () => {
    for (const [args, scheme] of [
      [['who', 'dev-1'], 'https'],
      [['top'], 'https'],
      [['watch', 'dev-1'], 'wss'],
      [['send', 'dev-1', '1'], 'wss'],
      [['simulate', '--devices', '3'], 'wss'],
    ] as const) {
      const { code, stderr } = await firstOf('the hub did not shake hands in time', async () => {
        const ended = await dat(args, portsOf(hub));
        return ended.stderr.includes('TLS') ? ended : undefined;
      });
      expect({ args, code }).toEqual({ args, code: 69 });
      expect(stderr).toMatch(new RegExp(`^dat: .+ speaks TLS only; use ${scheme}://127.0.0.1:\\d+\\n$`));
    }
  });

  it('says how to trust the certificate, and connects when it is trusted', async () => {
    const { devicePort, adminPort } = hub.process;
    const send = ['send', 'dev-1', '1', '--device-url', `wss://127.0.0.1:${devicePort}`];
    const who = ['who', 'dev-1', '--admin-url', `https://127.0.0.1:${adminPort}`];
    for (const args of [send, who]) {
      const { code, stderr } = await dat(args);
      expect({ args, code }).toEqual({ args, code: 69 });
      expect(stderr).toMatch(/does not trust the certificate .+ NODE_EXTRA_CA_CERTS=FILE/);
      expect(await dat(args, { NODE_EXTRA_CA_CERTS: certFile })).toMatchObject({ code: 0 });
    }
  });
});

describe('dat beside a hub without TLS', () => {
  const hub = useHub({});

  it('names the scheme to use where TLS fails', async () => {
    const { devicePort, adminPort } = hub.process;
    for (const [args, scheme] of [
      [['send', 'dev-1', '1', '--device-url', `wss://127.0.0.1:${devicePort}`], 'ws'],
      [['who', 'dev-1', '--admin-url', `https://127.0.0.1:${adminPort}`], 'http'],
    ] as const) {
      const { code, stderr } = await dat(args);
      expect({ args, code }).toEqual({ args, code: 69 });
      expect(stderr).toMatch(new RegExp(` does not speak TLS; use ${scheme}://127.0.0.1:\\d+\\n$`));
    }
  });
});

describe('dat without a hub', () => {
  it('says so also where a name has several addresses', async () => {
    for (const args of [
      ['watch', 'dev-1', '--subscriber-url', 'ws://localhost:1'],
      ['top', '--admin-url', 'http://localhost:1'],
    ]) {
      const { code, stderr } = await dat(args);
      expect({ args, code }).toEqual({ args, code: 69 });
      expect(stderr).toMatch(/^dat: no hub answers at \w+:\/\/localhost:1; /);
    }
  });
});

describe('dat beside a hub with authentication', () => {
  const hub = useHub({ DAT_AUTH_JWT_SECRET: SECRET });

  it('says how to make the token that is missing, for each role', async () => {
    for (const [args, role, variable] of [
      [['top'], 'admin', 'DAT_ADMIN_TOKEN'],
      [['who', 'dev-1'], 'admin', 'DAT_ADMIN_TOKEN'],
      [['watch', 'dev-1'], 'subscriber', 'DAT_TOKEN'],
      [['send', 'dev-1', '1'], 'device', 'DAT_TOKEN'],
      [['simulate', '--devices', '1'], 'device', 'DAT_TOKEN'],
    ] as const) {
      const { code, stderr } = await dat(args, portsOf(hub));
      expect({ args, code }).toEqual({ args, code: 77 });
      expect(stderr).toMatch(/^dat: the hub wants an? (admin )?token; /);
      expect(stderr).toContain(`set ${variable} to`);
      expect(stderr).toContain(`DAT_AUTH_JWT_SECRET=… dat token create --role ${role} --sub ID\n`);
      const secret = await dat(args, { ...portsOf(hub), DAT_AUTH_JWT_SECRET: SECRET });
      expect(secret.stderr).toContain(`: dat token create --role ${role} --sub ID\n`);
    }
  });

  it('says that a token was not accepted, or is for something else', async () => {
    const env = portsOf(hub);
    const wrong = await dat(['send', 'dev-1', '1'], { ...env, DAT_TOKEN: 'x.y.z' });
    expect(wrong.stderr).toMatch(/^dat: the hub did not accept the token \(.+\); /);
    const other = await tokenFor({ sub: 'dev-2', role: 'device' });
    const foreign = await dat(['send', 'dev-1', '1'], { ...env, DAT_TOKEN: other });
    expect(foreign).toMatchObject({ code: 77 });
    expect(foreign.stderr).toContain(": the id is not the token's sub; see what the token says with");
    const admin = await tokenFor({ sub: 'me', role: 'admin' });
    expect(await dat(['top', '--once'], { ...env, DAT_ADMIN_TOKEN: admin })).toMatchObject({ code: 0 });
  });
});
