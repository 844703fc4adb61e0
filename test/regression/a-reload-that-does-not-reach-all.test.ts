/**
 * A thread could not take over what a reload changed, such as a certificate that is being replaced just then. The log said
 * that nothing had changed, yet the next reload took all of it for done: what had not been reached kept the old keys.
 */
import type { Logger } from 'pino';
import { expect, it, vi } from 'vitest';
import { Reloader } from '../../src/reload.ts';
import { loadSettings, type Settings } from '../../src/settings.ts';

function settingsOf(secret: string): Settings {
  const env = { DAT_AUTH_JWT_SECRET: secret.repeat(32) };
  const loaded = loadSettings({ argv: [], env, readFile: () => '' });
  if (!loaded.ok || loaded.settings === undefined) throw new Error('wrong settings');
  return { ...loaded.settings };
}

it('a reload that does not reach every thread is done anew by the next', async () => {
  const log = { info: vi.fn(), error: vi.fn() };
  const reloader = new Reloader({
    settings: settingsOf('a'),
    tls: undefined,
    tokens: { secret: 'a'.repeat(32), publicKey: '', jwksUrl: '', audience: '', issuer: '' },
    load: () => ({ settings: settingsOf('b'), problems: [], rulesBrokenBy: () => [] }),
    readFile: () => '',
    logger: log as unknown as Logger,
  });
  const followed = vi.fn().mockRejectedValueOnce(new Error('no such file'));
  reloader.onReload(followed);
  await expect(reloader.reload()).rejects.toThrow('no such file');
  expect(log.error).toHaveBeenCalledWith(
    expect.anything(),
    'a reload did not reach every thread; reload again',
  );
  expect(await reloader.reload()).toEqual({ changed: ['authJwtSecret'], needRestart: [] });
  expect(followed.mock.lastCall).toMatchObject([{ tokens: { secret: 'b'.repeat(32) } }]);
  expect(reloader.tokens).toMatchObject({ secret: 'b'.repeat(32) });
});
