import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exitMeanings } from '../src/cli/failure.ts';
import { closes, errors, removals } from '../src/codes.ts';
import { settingsTable } from '../src/settings.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

describe('the documentation', () => {
  it('prints the settings as the schema has them', () => {
    expect(read('docs/settings.md')).toContain(`\n${settingsTable()}\n`);
  });

  it('names every code that the hub sends', () => {
    const page = read('docs/protocol.md');
    const sent = [...Object.values(closes), ...Object.values(removals), ...Object.values(errors)];
    for (const { code } of sent) if (code !== errors.internal.code) expect(page).toContain(String(code));
  });
});

describe('the page on dat', () => {
  it('has the exit codes as the help has them', () => {
    const page = read('docs/cli.md');
    for (const [code, meaning] of Object.entries(exitMeanings))
      expect(page).toMatch(new RegExp(`\\| ${code} +\\| ${meaning.replaceAll(/[().]/g, '\\$&')} *\\|`));
  });
});

describe('the codes', () => {
  it('are unique, say in their range whether to reconnect, and fit a close frame', () => {
    const ranges = { never: 40, later: 41, now: 42 } as const;
    const codes = Object.values(closes).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const { code, retry, reason } of Object.values(closes)) {
      expect(Math.floor(code / 100)).toBe(ranges[retry]);
      expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
    }
  });
});
