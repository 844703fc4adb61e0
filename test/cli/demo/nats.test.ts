import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { natsServerPath, startDemoNats } from '../../../src/cli/demo/nats.ts';
import { programPath } from '../../support/programs.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

describe('the nats-server of a demo', () => {
  it('is the one in PATH, else where packages put it', () => {
    const [first, second] = [temporaryDirectory(), temporaryDirectory()];
    writeFileSync(join(second, 'nats-server'), '');
    expect(natsServerPath(`${first}:${second}`, [])).toBe(join(second, 'nats-server'));
    expect(natsServerPath('', [first, second])).toBe(join(second, 'nats-server'));
  });

  it('is missing with one line that says where to get it', () => {
    const get = (): string => natsServerPath(temporaryDirectory(), ['/nowhere']);
    expect(get).toThrow(
      /need nats-server, which is not in PATH, \/nowhere; .*"apt install nats-server".*https:/,
    );
  });

  it('that does not start says why', async () => {
    await expect(startDemoNats(join(temporaryDirectory(), 'nats-server'))).rejects.toThrow(/ENOENT/);
  });

  const installed = programPath('nats-server');
  it.skipIf(installed === undefined)('leaves nothing behind (skipped without nats-server)', async () => {
    const nats = await startDemoNats(installed!);
    expect(nats.url).toMatch(/^nats:\/\/127\.0\.0\.1:\d+$/);
    expect(existsSync(nats.folder)).toBe(true);
    await nats.stop();
    expect(existsSync(nats.folder)).toBe(false);
  });
});
