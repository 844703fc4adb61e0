import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useHub } from '../../conformance/harness.ts';
import { dat, jsonLines } from '../run.ts';

describe('dat context', () => {
  const hub = useHub({ DAT_ADMIN_TOKEN: 'the-admin-token' });

  it('lets a command find its hub and its token', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dat-context-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const env = { XDG_CONFIG_HOME: folder };
    const token = join(folder, 'token');
    writeFileSync(token, 'the-admin-token\n');
    const url = `http://127.0.0.1:${hub.process.adminPort}`;
    const added = ['context', 'add', 'prod', '--admin-url', url, '--token-file', token];
    expect(await dat(added, env)).toMatchObject({ code: 0, stdout: 'added prod, selected\n' });
    const other = ['context', 'add', 'other', '--admin-url', 'http://127.0.0.1:1'];
    expect(await dat(other, env)).toMatchObject({ code: 0, stdout: 'added other\n' });
    expect(statSync(join(folder, 'dat/contexts/prod.json')).mode & 0o777).toBe(0o600);
    // The hub lets it in, and knows no such device.
    expect(await dat(['who', 'dev-1'], env)).toMatchObject({ code: 1 });
    expect(await dat(['who', 'dev-1', '--context', 'other'], env)).toMatchObject({ code: 69 });
    expect(jsonLines((await dat(['context', 'ls', '--json'], env)).stdout)).toMatchObject([
      { name: 'other', selected: false },
      { name: 'prod', selected: true, adminUrl: url, tokenFile: token },
    ]);
    expect(await dat(['context', 'select', 'other'], env)).toMatchObject({ stdout: 'selected other\n' });
    expect(await dat(['who', 'dev-1'], env)).toMatchObject({ code: 69 });
    expect(await dat(['context', 'rm', 'other'], env)).toMatchObject({ stdout: 'removed other\n' });
    expect((await dat(['context', 'ls'], env)).stdout).not.toContain('other');
    expect(await dat(['who', 'dev-1', '--context', 'other'], env)).toMatchObject({
      code: 78,
      stderr: 'dat: unknown context "other"; there are: prod\n',
    });
  });

  it('refuses a context that could not work', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dat-context-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const add = ['context', 'add', 'prod'];
    for (const [args, code] of [
      [[...add], 64],
      [[...add, '--admin-url', 'ws://127.0.0.1:1'], 64],
      [['context', 'add', '..', '--admin-url', 'http://127.0.0.1:1'], 64],
      [[...add, '--admin-url', 'http://127.0.0.1:1', '--token-file', join(folder, 'none')], 78],
      [['context', 'select', 'none'], 78],
      [['context', 'rm', 'none'], 78],
    ] as const) {
      const answer = await dat(args, { XDG_CONFIG_HOME: folder });
      expect({ args, code: answer.code }).toEqual({ args, code });
      expect(answer.stderr).toMatch(/^dat: .+\n$/);
    }
    expect((await dat(['context', 'ls'], { XDG_CONFIG_HOME: folder })).stdout).toContain('no contexts');
  });
});
