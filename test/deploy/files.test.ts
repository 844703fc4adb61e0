/** What deploy/ ships, checked as far as this host can: no container engine and no cluster is needed. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { envName } from '../../src/settings/schema.ts';
import { settingKeys } from '../../src/settings.ts';
import { makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { startHub } from '../support/hub-process.ts';
import { programPath } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const files = readdirSync(join(ROOT, 'deploy'), { recursive: true, encoding: 'utf8' });

describe('deploy/', () => {
  it('names no setting that there is not', () => {
    const known = new Set(settingKeys.map(envName));
    for (const file of files.filter((name) => /\.\w+$|Dockerfile$/.test(name))) {
      const named = read(join('deploy', file)).match(/\bDAT_[A-Z_]+\b/g) ?? [];
      for (const name of named) if (name !== 'DAT_NAME') expect(known, `${name} in ${file}`).toContain(name);
    }
  });

  it('has YAML that can be read', () => {
    const plain = files.filter((name) => /\.ya?ml$/.test(name) && !name.includes('templates'));
    expect(plain.length).toBeGreaterThan(5);
    for (const file of plain) expect(parse(read(join('deploy', file))), file).toBeTypeOf('object');
  });
});

describe('the Dockerfile', () => {
  const lines = read('deploy/Dockerfile').replaceAll('\\\n', ' ').split('\n');
  const of = (instruction: string) =>
    lines
      .filter((line) => line.startsWith(`${instruction} `))
      .map((line) => line.slice(instruction.length + 1));

  it('has one Node major in both stages, that of the C library that uWebSockets.js needs', () => {
    const images = of('FROM').map((from) => from.split(' ')[0]);
    expect(images).toHaveLength(2);
    expect(new Set(images).size).toBe(1);
    expect(images[0]).toMatch(/^node:20-bookworm-slim$/);
  });

  it('ends as somebody else than root', () => expect(of('USER').at(-1)).toBe('node'));

  it('runs what is there', () => {
    const [program, file = ''] = JSON.parse(of('ENTRYPOINT')[0] ?? '[]') as string[];
    expect(program).toBe('node');
    expect(existsSync(join(ROOT, file)), file).toBe(true);
    expect(read('deploy/healthcheck.mjs')).toContain('/readyz');
    expect(of('HEALTHCHECK')[0]).toContain('CMD ["node", "healthcheck.mjs"]');
    const ignored = read('.dockerignore').split('\n');
    for (const needed of ['src', 'workers', 'deploy', 'package-lock.json', 'tsconfig.json', 'LICENSE'])
      expect(ignored).not.toContain(needed);
  });
});

describe('the health check of the image', () => {
  const check = (env: Record<string, string>) =>
    spawnSync(process.execPath, [join(ROOT, 'deploy/healthcheck.mjs')], { env }).status;

  /** Not at once where the host is busy: it waits for an answer for a few seconds only. */
  const passes = (env: Record<string, string>): Promise<boolean> =>
    eventually('the check passes', () => check(env) === 0);

  it('passes for a hub that is ready, at its address and with a certificate too, and fails without one', async () => {
    const hub = await startHub();
    const port = String(hub.adminPort);
    await passes({ DAT_ADMIN_PORT: port });
    expect(check({ DAT_ADMIN_PORT: port, DAT_TLS_CERT_FILE: 'any' })).toBe(1);
    expect(await hub.stop()).toBe(0);
    expect(check({ DAT_ADMIN_PORT: port })).toBe(1);
    const elsewhere = await startHub({ DAT_HOST: '127.0.0.2' });
    const there = { DAT_ADMIN_PORT: String(elsewhere.adminPort) };
    await passes({ ...there, DAT_HOST: '127.0.0.2' });
    expect(check({ ...there, DAT_HOST: '127.0.0.3' })).toBe(1);
    expect(await elsewhere.stop()).toBe(0);
    const { certFile, keyFile } = makeCertificate(temporaryDirectory());
    const secure = await startHub({ DAT_TLS_CERT_FILE: certFile, DAT_TLS_KEY_FILE: keyFile });
    await passes({ DAT_ADMIN_PORT: String(secure.adminPort), DAT_TLS_CERT_FILE: certFile });
    expect(await secure.stop()).toBe(0);
  });
});

const analyze = programPath('systemd-analyze');

describe.skipIf(analyze === undefined)('the systemd unit (skipped without systemd-analyze)', () => {
  const run = (...args: string[]) => {
    const unit = join(temporaryDirectory(), 'dat.service');
    // The node that runs this may be elsewhere than where the unit expects it.
    writeFileSync(unit, read('deploy/systemd/dat.service').replace('/usr/bin/node', process.execPath));
    return spawnSync(analyze!, [...args, unit], { encoding: 'utf8' });
  };

  it('is verified without a word', () => {
    const { status, stdout, stderr } = run('verify', '--man=no');
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('gives up what the hub does not need', () => {
    // Exposure in tenths, of 100; what systemd itself calls OK ends at 50.
    const { status, stdout, stderr } = run('security', '--offline=true', '--threshold=20');
    expect(status, stdout.slice(-300) + stderr).toBe(0);
  });
});
