/**
 * A hub that waits for its cluster answers its admin API. A reload then was answered with what had changed, and what was
 * started later had the old keys and the old certificate.
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

it('a reload takes effect only once the hub has started', async () => {
  const settings = settingsOf({ DAT_DEVICE_RATE: '1' });
  const log = { info: vi.fn(), error: vi.fn() };
  const reloader = new Reloader({
    settings,
    tls: undefined,
    tokens: undefined,
    load: () => ({ settings: settingsOf({ DAT_DEVICE_RATE: '2' }), problems: [], rulesBrokenBy: () => [] }),
    readFile: () => '',
    logger: log as unknown as Logger,
  });
  await expect(reloader.reload()).rejects.toThrow('the hub is still starting');
  expect(settings.deviceRate).toBe(1);
  const followed = vi.fn();
  reloader.onReload(followed);
  expect(await reloader.reload()).toEqual({ changed: ['deviceRate'], needRestart: [] });
  expect(settings.deviceRate).toBe(2);
  expect(followed).toHaveBeenCalledOnce();
});
