/** What the docs say, against what the code has. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { closes, errors, removals } from '../src/codes.ts';
import { createPresence, type PresenceCapacity } from '../src/presence/memory.ts';
import { envName } from '../src/settings/schema.ts';
import { otherVariables } from '../src/settings/sources.ts';
import { settingKeys } from '../src/settings.ts';
import { settingsOf } from './support/given-settings.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
/** Paths from the root of all files below a folder; those that are built or installed are left out. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return [path];
    return ['node_modules', 'dist', '.git'].includes(entry.name) ? [] : filesBelow(path);
  });
}
const files = filesBelow('');
const inDocs = files.filter((path) => path.startsWith('docs/') && path.endsWith('.md'));
const pages = [
  ...inDocs,
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'bench/README.md',
  'examples/README.md',
];
const isDecision = (page: string): boolean => /^docs\/decisions\/\d{4}-/.test(page);

/** The local targets of a page's links, as paths from the root, each with its anchor. */
function linksOf(page: string): { readonly target: string; readonly anchor: string | undefined }[] {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)];
  return links.map(([, path = '', anchor]) => ({
    target: path === '' ? page : join(dirname(page), path),
    anchor,
  }));
}

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
    expect(guide).toContain(`default capacities the table reserves ${Math.round(usual / 1e6)} MB`);
    const large = bytesOf({ devices: 1_000_000, subscribers: 100_000, subscriptions: 5_000_000 });
    expect(guide).toContain(`five million pairs, ${Math.round(large / 1e6)} MB`);
  });
});

describe('the pages', () => {
  it.each(pages)('name settings that there are: %s', (page) => {
    const known = new Set([...settingKeys.map(envName), ...otherVariables, 'DAT_NAME']);
    // `DAT_MAX_…` stands for several.
    for (const [name] of read(page).matchAll(/\bDAT_[A-Z_]+[A-Z]\b(?!_)/g))
      expect(known, name).toContain(name);
  });

  it.each(pages)('link to what there is: %s', (page) => {
    for (const { target, anchor } of linksOf(page)) {
      expect(existsSync(join(ROOT, target)), `${page} → ${target}`).toBe(true);
      if (anchor === undefined) continue;
      const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));
      expect(headings, `${page} → ${target}#${anchor}`).toContain(anchor);
    }
  });

  // The changelog is history: it may name what is gone.
  it.each(pages.filter((page) => page !== 'CHANGELOG.md'))('name files that there are: %s', (page) => {
    for (const name of namedFiles(read(page))) {
      const paths = name.includes('/') ? [name, join(dirname(page), name)] : [];
      const exists = paths.some((path) => existsSync(join(ROOT, path)));
      const isKnown = !name.includes('/') && files.some((path) => basename(path) === name);
      expect(exists || isKnown, `${page} names ${name}`).toBe(true);
    }
  });

  it.each(inDocs.filter((page) => !isDecision(page)))(
    'say in their first line whom they are for: %s',
    (page) => {
      const [title = '', first = ''] = read(page)
        .split('\n')
        .filter((line) => line !== '');
      expect(title).toMatch(/^# /);
      expect(first).toMatch(/^For /);
    },
  );

  it('are linked from docs/README.md, decisions from their own index', () => {
    const index = linksOf('docs/README.md').map(({ target }) => target);
    const decisions = linksOf('docs/decisions/README.md').map(({ target }) => target);
    for (const page of inDocs.filter((path) => path !== 'docs/README.md'))
      expect(isDecision(page) ? decisions : index, page).toContain(page);
  });

  it('keep the README short', () => expect(read('README.md').split('\n').length).toBeLessThan(120));
});

const FOLDERS = [
  'src',
  'test',
  'docs',
  'deploy',
  'workers',
  'fixtures',
  'bench',
  'dashboard',
  'examples',
  'scripts',
];
const EXTENSIONS = /\.(?:ts|mjs|py|md|html|ya?ml|conf|cfg|service)$/;

/** Files and folders of the project that a page names as code. */
function namedFiles(page: string): string[] {
  const spans = [...page.matchAll(/`([^`\n]+)`/g)].flatMap(([, span = '']) => span.split(' '));
  const paths = spans.filter((word) => /^[\w./-]+$/.test(word) && !/^(?:\/|\.|dist\/)/.test(word));
  return paths.filter(
    (path) => FOLDERS.some((folder) => path.startsWith(`${folder}/`)) || EXTENSIONS.test(path),
  );
}
