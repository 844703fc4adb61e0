import { describe, expect, it } from 'vitest';
import { planReload } from '../../src/settings/reload.ts';
import { rowOf } from '../../src/settings/schema.ts';
import { type Settings, settingKeys } from '../../src/settings.ts';
import { settingsOf } from '../support/given-settings.ts';

const before = settingsOf({});
const plan = (changes: Partial<Settings>, from: Partial<Settings> = {}) => {
  const inForce = { ...before, ...from };
  return planReload(inForce, { ...inForce, ...changes });
};

describe('a reload of the settings', () => {
  it('changes nothing where nothing is different', () => {
    expect(plan({})).toEqual({ changed: [], needRestart: [], settings: before });
    expect(plan({ allowedOrigins: ['a'] }, { allowedOrigins: ['a'] }).changed).toEqual([]);
  });

  it('takes what is reloadable, and names what takes a restart', () => {
    const { changed, needRestart, settings } = plan({
      deviceRate: 5,
      maxDevices: 7,
      allowedOrigins: ['file://'],
    });
    expect(changed).toEqual(['allowedOrigins', 'deviceRate']);
    expect(needRestart).toEqual(['maxDevices']);
    expect(settings).toEqual({ ...before, deviceRate: 5, allowedOrigins: ['file://'] });
  });

  it.each([
    ['TLS', { tlsCertFile: 'a', tlsKeyFile: 'b' }],
    ['authentication', { authJwtSecret: 'a' }],
    ['the admin token', { adminToken: 'a' }],
  ] as const)('turns %s neither on nor off, and replaces it where it is on', (_, on) => {
    const keys = Object.keys(on);
    const off = Object.fromEntries(keys.map((key) => [key, '']));
    const other = Object.fromEntries(keys.map((key) => [key, 'other']));
    expect(plan(on)).toMatchObject({ changed: [], needRestart: keys, settings: before });
    expect(plan(off, on)).toMatchObject({ changed: [], needRestart: keys });
    expect(plan(other, on)).toMatchObject({ changed: keys, needRestart: [], settings: other });
  });

  it('changes no setting that sizes memory, opens a listener or starts threads', () => {
    const reloadable = settingKeys.filter((key) => rowOf(key).reloadable);
    for (const key of reloadable) expect(key).not.toMatch(/^max(Devices|Subs|Message)|Port$|^host$|Workers$/);
    expect(reloadable).toContain('deviceRate');
  });
});
