/**
 * A thread that could not take what a reload had changed made the log say that nothing had changed, though settings had;
 * and the next reload had nothing to give that thread.
 */
import type { Logger } from 'pino';
import { expect, it, vi } from 'vitest';
import { Reloader } from '../../src/reload.ts';
import { loadSettings, type Settings } from '../../src/settings.ts';

function settingsOf(env: Record<string, string>): Settings {
  const loaded = loadSettings({ argv: [], env, readFile: () => '' });
  if (!loaded.ok || loaded.settings === undefined) throw new Error('wrong settings');
  return { ...loaded.settings };
}

it('a reload that fails on its way says so, and the next one goes on with it', async () => {
  const log = { info: vi.fn(), error: vi.fn() };
  let env: Record<string, string> = { DAT_DEVICE_RATE: '2' };
  const reloader = new Reloader({
    settings: settingsOf({ DAT_DEVICE_RATE: '1' }),
    tls: undefined,
    tokens: undefined,
    load: () => ({ settings: settingsOf(env), problems: [], rulesBrokenBy: () => [] }),
    readFile: () => '',
    logger: log as unknown as Logger,
  });
  const follow = vi.fn<(reloaded: { readonly settings: object }) => Promise<void>>();
  reloader.onReload(follow);
  follow.mockRejectedValueOnce(new Error('a thread ended'));
  await expect(reloader.reload()).rejects.toThrow('a thread ended');
  expect(log.error.mock.calls.map(([, message]) => message)).toEqual([
    'a reload failed on its way: some threads may have the old settings; reload again',
  ]);
  env = { DAT_DEVICE_RATE: '2', DAT_DEVICE_BURST: '7' };
  expect(await reloader.reload()).toEqual({ changed: ['deviceRate', 'deviceBurst'], needRestart: [] });
  expect(follow.mock.lastCall?.[0].settings).toEqual({ deviceRate: 2, deviceBurst: 7 });
  expect(await reloader.reload()).toEqual({ changed: [], needRestart: [] });
});
