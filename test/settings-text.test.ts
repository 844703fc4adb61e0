import { describe, expect, it } from 'vitest';
import { envName, flagName, rowOf } from '../src/settings/schema.ts';
import { loadSettings, settingKeys, settingRows, settingsTable } from '../src/settings.ts';

const help = loadSettings({ argv: ['--help'], env: {}, readFile: () => '' });
const helpText = (help.ok && help.text) || '';

describe('the names of a setting', () => {
  it('follow from its key', () => {
    expect(envName('subscriberInactiveAfterMs')).toBe('DAT_SUBSCRIBER_INACTIVE_AFTER_MS');
    expect(flagName('subscriberInactiveAfterMs')).toBe('--subscriber-inactive-after-ms');
  });
});

describe.each(settingKeys)('the setting %s', (key) => {
  const { kind, meaning, secret } = rowOf(key);

  it('has a default that it would accept itself', () => {
    if (!secret) expect(kind.schema.safeParse(rowOf(key).default)).toMatchObject({ success: true });
  });

  it('says what 0 means where 0 is accepted', () => {
    if (kind.schema.safeParse(0).success) expect(meaning).toMatch(/(^|[. ])0 /);
  });

  it('is in the help, with its flag unless it is a secret', () => {
    expect(helpText).toContain(envName(key));
    expect(helpText.includes(`${flagName(key)} [`)).toBe(!secret);
  });

  it('has one row in the table', () => {
    const rows = settingsTable()
      .split('\n')
      .filter((line) => line.startsWith(`| \`${envName(key)}\` |`));
    expect(rows).toHaveLength(1);
    expect(rows[0]).toContain(` | \`${key}\` | `);
  });
});

describe('the table of settings', () => {
  const lines = settingsTable().split('\n');

  it('has a head, a line for the config file and one for each setting, of six cells each', () => {
    expect(lines).toHaveLength(2 + 1 + settingKeys.length);
    for (const line of lines) expect(line.replaceAll('\\|', '').split('|')).toHaveLength(6 + 2);
  });

  it('shows defaults as one would write them', () => {
    expect(lines.find((line) => line.includes('DAT_DEVICE_PORT'))).toBe(
      '| `DAT_DEVICE_PORT` | `--device-port` | `devicePort` | `7400` | a whole number from 0 to 65535 (port) | ' +
        `${settingRows.devicePort.meaning} |`,
    );
    expect(lines.find((line) => line.startsWith('| `DAT_ALLOWED_ORIGINS`'))).toContain(' | same host | ');
    expect(lines.find((line) => line.startsWith('| `DAT_ADMIN_TOKEN`'))).toContain(' | none: secret | ');
  });
});

describe('the help', () => {
  it('groups the settings', () => {
    const headings = helpText.split('\n').filter((line) => /^[A-Z][a-z]+:$/.test(line));
    expect(headings).toEqual([
      'General:',
      'Listeners:',
      'Access:',
      'Threads:',
      'Presence:',
      'Delivery:',
      'Capacity:',
      'Running:',
    ]);
  });

  it('names the default of each setting', () => {
    expect(helpText).toMatch(/default\s+7400,\s+env DAT_DEVICE_PORT/);
    expect(helpText).toMatch(/default\s+same\s+host,\s+env\s+DAT_ALLOWED_ORIGINS/);
  });
});
