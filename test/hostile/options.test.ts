import { describe, expect, it } from 'vitest';
import { rowNames } from './attack.ts';
import { attacks } from './attacks.ts';
import { HELP, readOptions } from './options.ts';

describe('the command line of test:hostile', () => {
  it('runs everything unless it says otherwise', () => {
    expect(readOptions([])).toMatchObject({ attacks, rows: rowNames, attackMs: 6000, writesDocs: false });
  });

  it('chooses attacks, ways to run the hub, and how long', () => {
    const options = readOptions([
      '--attacks',
      'lists,tiny-bad',
      '--rows',
      'uws-2,ws',
      '--seconds',
      '1.5',
      '--docs',
    ]);
    expect(options?.attacks.map(({ name }) => name)).toEqual(['lists', 'tiny-bad']);
    expect(options).toMatchObject({ rows: ['uws, 2 workers', 'ws'], attackMs: 1500, writesDocs: true });
  });

  it.each([
    [['--attacks', 'nope'], /there are idle-connections, /],
    [['--rows', 'uws-3'], /no row uws-3; there are uws-0, uws-2, uws-2-ingest-2, ws/],
    [['--seconds', 'long'], /accepted is a number above 0/],
    [['--nope'], /Unknown option '--nope'/],
  ])('says of %j what is accepted', (args, problem) => {
    expect(() => readOptions(args)).toThrow(problem);
  });

  it('has help that names every option and attack', () => {
    expect(readOptions(['--help'])).toBeUndefined();
    for (const option of ['attacks', 'rows', 'seconds', 'out', 'continue', 'table', 'docs', 'help'])
      expect(HELP).toContain(`--${option}`);
    for (const { name } of attacks) expect(HELP).toContain(name);
  });
});
