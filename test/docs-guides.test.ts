/** What the guides say against what the code has. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { closes, errors, removals } from '../src/codes.ts';
import { createPresence, type PresenceCapacity } from '../src/presence/table.ts';
import { envName } from '../src/settings/schema.ts';
import { otherVariables } from '../src/settings/sources.ts';
import { settingKeys } from '../src/settings.ts';
import { settingsOf } from './support/given-settings.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const pages = [
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
];

/** The anchor that a page's reader gives to a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(' ', '-');
}

describe('docs/codes.md', () => {
  const sections = new Map(
    read('docs/codes.md')
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.split('\n', 1)[0] ?? '', section]),
  );
  /** The cells of each row that starts with a number. */
  const rowsOf = (title: string): string[][] =>
    [...(sections.get(title) ?? '').matchAll(/^\| (\d+ \|.*) \|$/gm)].map(([, row = '']) => row.split(' | '));

  it('has every close code with its reason and what its range says of reconnecting, and no other', () => {
    const expected = Object.values(closes).map(({ code, reason, retry }) => [String(code), reason, retry]);
    const rows = rowsOf('Close codes');
    expect(rows.map((row) => row.slice(0, 3))).toEqual(expected);
    for (const [code, , , advice = ''] of rows) expect(advice.length, code).toBeGreaterThan(10);
  });

  it.each([
    ['Errors in frames', errors],
    ['Removals', removals],
  ])('has every code of "%s" with its reason, and no other', (title, codes) => {
    const expected = Object.values(codes).map(({ code, reason }) => [String(code), reason]);
    const rows = rowsOf(title);
    expect(rows.map((row) => row.slice(0, 2))).toEqual(expected);
    for (const [code, , advice = ''] of rows) expect(advice.length, code).toBeGreaterThan(10);
  });
});

describe('the sizing in docs/guide-operators.md', () => {
  const bytesOf = (capacity: PresenceCapacity): number =>
    Object.values(createPresence(capacity)).reduce((sum, { byteLength }) => sum + byteLength, 0);
  const few = { devices: 1000, subscribers: 1000, subscriptions: 1000 };
  const more = 100_000;
  const perRow = (of: keyof PresenceCapacity): number =>
    Math.round((bytesOf({ ...few, [of]: few[of] + more }) - bytesOf(few)) / more);

  it('is what the presence table reserves', () => {
    const guide = read('docs/guide-operators.md').replace(/\s+/g, ' ');
    expect(guide).toContain(`\`DAT_MAX_DEVICES\` | ${perRow('devices')} reserved`);
    expect(guide).toContain(`\`DAT_MAX_SUBSCRIBERS\` | ${perRow('subscribers')} reserved`);
    expect(guide).toContain(`\`DAT_MAX_SUBSCRIPTIONS\` | ${perRow('subscriptions')} reserved`);
    const { maxDevices, maxSubscribers, maxSubscriptions } = settingsOf({});
    const usual = bytesOf({
      devices: maxDevices,
      subscribers: maxSubscribers,
      subscriptions: maxSubscriptions,
    });
    expect(guide).toContain(`default capacities is ${Math.round(usual / 1e6)} MB`);
    const large = bytesOf({ devices: 1_000_000, subscribers: 100_000, subscriptions: 5_000_000 });
    expect(guide).toContain(`five million pairs ${Math.round(large / 1e6)} MB`);
  });
});

/** Settings whose pages were there first; each goes with the change that makes it one. */
const soon = ['DAT_MQTT_PORT', 'DAT_MQTT_TOPICS'];

describe('the pages', () => {
  it.each(pages)('name settings that there are: %s', (page) => {
    const known = new Set([...settingKeys.map(envName), ...otherVariables, ...soon, 'DAT_NAME']);
    // `DAT_MAX_…` stands for several.
    for (const [name] of read(page).matchAll(/\bDAT_[A-Z_]+[A-Z]\b(?!_)/g))
      expect(known, name).toContain(name);
  });

  it.each(pages)('link to what there is: %s', (page) => {
    const links = read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g);
    for (const [, path = '', anchor] of links) {
      const target = path === '' ? page : join(dirname(page), path);
      expect(existsSync(join(ROOT, target)), `${page} → ${path}`).toBe(true);
      if (anchor === undefined) continue;
      const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));
      expect(headings, `${page} → ${path}#${anchor}`).toContain(anchor);
    }
  });
});
