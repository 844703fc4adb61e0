import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { helpWidth, layOutHelp } from '../../src/settings/help-layout.ts';
import { loadSettings } from '../../src/settings.ts';

describe('the help', () => {
  /** The help of a command at this width. */
  function helpAt(columns: number): string {
    const command = new Command('try');
    layOutHelp(command);
    command
      .description(
        'A description that is long enough to be wrapped at every width that is tried here, twice.',
      )
      .option(
        '--a-long-option <value>',
        'what it does, in more words than fit beside it on a narrow terminal',
      )
      .option('--b', 'short')
      .configureOutput({ getOutHelpWidth: () => helpWidth(columns) });
    return command.helpInformation();
  }

  it.each([44, 60, 80, 200])('fits %i columns', (columns) => {
    const longest = Math.max(
      ...helpAt(columns)
        .split('\n')
        .map(({ length }) => length),
    );
    expect(longest).toBeLessThanOrEqual(columns);
    expect(longest).toBeGreaterThan(Math.min(columns, 110) * 0.6);
  });

  it('puts descriptions below the options where there is no room beside them', () => {
    expect(helpAt(44)).toMatch(/--b\n {6}short/);
    expect(helpAt(80)).toMatch(/--b {2,}short/);
  });

  it('takes 80 columns without a terminal', () => {
    expect(helpWidth(undefined)).toBe(80);
    expect(helpWidth(0)).toBe(80);
  });
});

describe('the help of the hub', () => {
  it.each([60, 80, 110])('fits %i columns, secrets included', (columns) => {
    const { text = '' } = loadSettings({ argv: ['--help'], env: {}, readFile: () => '', columns }) as {
      text?: string;
    };
    expect(text).toContain('--device-port');
    // A word that has no room is not cut: the name of a setting, a list of choices.
    const long = text.split('\n').filter((line) => line.length > columns && line.trim().includes(' '));
    expect(long).toEqual([]);
  });
});
