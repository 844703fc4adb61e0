import { describe, expect, it } from 'vitest';
import { settingGroups } from '../src/settings/row.ts';
import { envName, flagName, rowOf } from '../src/settings/schema.ts';
import { loadSettings, type SettingKey, settingKeys, settingRows, settingsTable } from '../src/settings.ts';

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
      .filter((line) => line.startsWith(`| \`${envName(key)}\` `));
    expect(rows).toHaveLength(1);
    expect(rows[0]?.startsWith(`| \`${envName(key)}\` (secret) |`)).toBe(secret === true);
  });
});

describe('the table of settings', () => {
  const lines = settingsTable().split('\n');
  const rows = lines.filter((line) => line.startsWith('| `'));

  it('has one heading and one table for each group', () => {
    const headings = lines.filter((line) => line.startsWith('## '));
    expect(headings).toEqual(settingGroups.map((group) => `## ${group}`));
    expect(lines.filter((line) => line === '| --- | --- | --- | --- | --- |')).toHaveLength(headings.length);
  });

  it('has one row of five cells for each setting', () => {
    expect(rows).toHaveLength(settingKeys.length);
    for (const row of rows) expect(row.replaceAll('\\|', '').split('|')).toHaveLength(5 + 2);
  });

  it('shows defaults as one would write them', () => {
    expect(rows.find((line) => line.includes('DAT_DEVICE_PORT'))).toBe(
      '| `DAT_DEVICE_PORT` | `7400` | a whole number from 0 to 65535 (port) | restart | ' +
        `${settingRows.devicePort.meaning} |`,
    );
    expect(rows.find((line) => line.startsWith('| `DAT_ALLOWED_ORIGINS`'))).toContain(' | same host | ');
    expect(rows.find((line) => line.startsWith('| `DAT_ADMIN_TOKEN`'))).toContain(' (secret) | none | ');
  });

  it('says which settings a reload applies', () => {
    for (const key of settingKeys) {
      const row = rows.find((line) => line.startsWith(`| \`${envName(key)}\` `));
      const { reloadable, environmentOnly } = rowOf(key);
      // The environment of a process does not change.
      expect(row, key).toContain(reloadable && !environmentOnly ? ' | yes | ' : ' | restart | ');
    }
  });
});

describe('a reload', () => {
  const applies = (key: SettingKey): boolean => rowOf(key).reloadable === true;

  it.each([
    'host',
    'devicePort',
    'subscriberPort',
    'adminPort',
    'transport',
    'fanoutWorkers',
    'ingestWorkers',
    'maxMessageBytes',
    'maxDevices',
    'maxSubscribers',
    'maxSubscriptions',
    'snapshotFile',
  ] as const)('cannot change %s, which opens a listener, starts threads or sizes memory', (key) =>
    expect(applies(key)).toBe(false),
  );

  it.each([
    'deviceRate',
    'deviceBurst',
    'subscriberRate',
    'subscriberBurst',
    'sendQueuesTotalBytes',
    'adminToken',
    'authJwtSecret',
    'authJwtPublicKeyFile',
    'authJwksUrl',
    'tlsCertFile',
    'tlsKeyFile',
    'allowedOrigins',
    'logLevel',
    'drainRate',
    'drainTimeoutMs',
  ] as const)('applies %s', (key) => expect(applies(key)).toBe(true));
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
      'History:',
      'Cluster:',
      'Running:',
    ]);
  });

  it('names the default of each setting', () => {
    expect(helpText).toMatch(/default\s+7400,\s+env\s+DAT_DEVICE_PORT/);
    expect(helpText).toMatch(/default\s+same\s+host,\s+env\s+DAT_ALLOWED_ORIGINS/);
  });
});
