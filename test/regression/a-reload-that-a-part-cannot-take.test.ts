/**
 * A reload whose certificate one thread could not show ended there, was logged as refused with nothing changed, though
 * settings and keys had changed in some threads, and counted as done: the next one found nothing new.
 */
import type { Logger } from 'pino';
import { expect, it, vi } from 'vitest';
import { readTokenConfig } from '../../src/access/keys.ts';
import { Reloader, ReloadIncomplete } from '../../src/reload.ts';
import { settingsOf } from '../support/given-settings.ts';

it('reaches all other parts, says so, and is brought again by the next one', async () => {
  const settings = { ...settingsOf({ env: { DAT_DEVICE_RATE: '1', DAT_AUTH_JWT_SECRET: 'x'.repeat(32) } }) };
  let loaded = settingsOf({ env: { DAT_DEVICE_RATE: '2', DAT_AUTH_JWT_SECRET: 'y'.repeat(32) } });
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const reloader = new Reloader({
    settings,
    tls: undefined,
    tokens: readTokenConfig(settings, () => ''),
    load: () => ({
      settings: loaded,
      problems: [],
      rulesBrokenBy: () => [],
      warningsOf: ({ deviceRate }) => ['as before', `${deviceRate} is low`],
    }),
    readFile: () => '',
    logger: log as unknown as Logger,
  });
  const failing = vi.fn().mockRejectedValueOnce(new Error('EMFILE'));
  const other = vi.fn();
  reloader.onReload(failing);
  reloader.onReload(other);

  await expect(reloader.reload()).rejects.toThrow(ReloadIncomplete);
  expect(other).toHaveBeenCalledOnce();
  expect(settings.deviceRate).toBe(2);
  expect(reloader.tokens?.secret).toBe('y'.repeat(32));
  expect(JSON.stringify(log.error.mock.calls)).not.toContain('nothing has changed');
  expect(log.error.mock.calls[0]![0]).toMatchObject({ changed: ['authJwtSecret', 'deviceRate'] });

  loaded = settingsOf({
    env: { DAT_DEVICE_RATE: '2', DAT_SUBSCRIBER_RATE: '7', DAT_AUTH_JWT_SECRET: 'y'.repeat(32) },
  });
  expect(await reloader.reload()).toEqual({
    changed: ['authJwtSecret', 'deviceRate', 'subscriberRate'],
    needRestart: [],
  });
  const brought = {
    settings: { authJwtSecret: 'y'.repeat(32), deviceRate: 2, subscriberRate: 7 },
    tokens: { secret: 'y'.repeat(32) },
  };
  expect(failing.mock.lastCall).toMatchObject([brought]);
  expect(other.mock.lastCall).toMatchObject([brought]);
  expect((await reloader.reload()).changed).toEqual([]);
  expect(log.warn.mock.calls).toEqual([['2 is low']]);
});
