/**
 * What a linter cannot check: which way imports go, who may use what, how long files are, and what has a test. Each list
 * of exceptions may only shrink: an exception that is not needed any more fails too.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('..', import.meta.url).pathname;
const filesBelow = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => normalize(join(entry.parentPath, entry.name)).slice(ROOT.length));
const sources = [...filesBelow('src'), ...filesBelow('workers')];
const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const importsOf = (file: string): string[] =>
  [...textOf(file).matchAll(/(?:from|import) '(\.[^']+)'/g)].map(([, path]) =>
    normalize(join(dirname(file), path!)),
  );

/** From low to high: a folder imports from itself and from those before it. */
const layers = [
  'memory',
  'presence',
  'access',
  'records',
  'wire',
  'transport',
  'edge',
  'owner',
  'snapshot',
  'webhooks',
  'supervise',
  'admin',
  'settings',
] as const;
/** Files that look up: the record of a snapshot's rows and of what was restored is needed below. */
const lookUp: readonly string[] = [
  'src/access/admission.ts',
  'src/access/claims.ts',
  'src/access/pattern.ts',
  'src/access/upgrades.ts',
  'src/owner/commands.ts',
  'src/owner/restorer.ts',
  'src/records/commands.ts',
  'src/records/event.ts',
];
const layerOf = (file: string): number => layers.indexOf(file.split('/')[1] as (typeof layers)[number]);

describe('imports', () => {
  const upward = sources.filter((file) => {
    const own = layerOf(file);
    return own >= 0 && importsOf(file).some((path) => layerOf(path) > own);
  });

  it('go from higher folders to lower ones', () => {
    expect(upward.filter((file) => !lookUp.includes(file))).toEqual([]);
    expect(lookUp.filter((file) => !upward.includes(file))).toEqual([]);
  });

  it('never go from edge to owner or back', () => {
    const crossing = sources.filter((file) =>
      importsOf(file).some(
        (path) =>
          (file.startsWith('src/edge/') && path.startsWith('src/owner/')) ||
          (file.startsWith('src/owner/') && path.startsWith('src/edge/')),
      ),
    );
    expect(crossing).toEqual([]);
  });
});

describe('fixtures', () => {
  const importing = (folder: string, other: RegExp): string[] =>
    filesBelow(folder).filter((file) => importsOf(file).some((path) => other.test(path)));

  it('hold what tests and benchmarks share: benchmarks import nothing of tests, fixtures of neither', () => {
    expect(importing('bench', /^test\//)).toEqual([]);
    expect(importing('fixtures', /^(test|bench)\//)).toEqual([]);
  });
});

/** @returns the files whose text has the pattern */
const using = (pattern: RegExp): string[] => sources.filter((file) => pattern.test(textOf(file)));

describe('only one place', () => {
  it('loads uWebSockets.js', () => {
    expect(using(/require\(name\) as UwsBinding|from 'uWebSockets/)).toEqual([
      'src/transport/choose.ts',
      'src/transport/uws-binding.ts',
      'src/transport/uws-call.ts',
      'src/transport/uws-connection.ts',
      'src/transport/uws-requests.ts',
      'src/transport/uws.ts',
    ]);
  });

  it('makes threads', () => {
    expect(using(/new Worker\(/)).toEqual(['src/supervise/thread.ts']);
  });

  it('reads the environment: settings, and the command line', () => {
    const readers = using(/process\.env/).filter((file) => !file.startsWith('src/cli/'));
    expect(readers.filter((file) => !/^src\/(settings|main|logging)/.test(file))).toEqual([]);
  });

  it('reads what a thread was given: the files of threads', () => {
    expect(using(/\bworkerData\b(?!:)/).filter((file) => !file.startsWith('workers/'))).toEqual([]);
  });
});

describe('files', () => {
  it('have at most 400 lines', () => {
    const tooLong = sources.filter((file) => textOf(file).split('\n').length > 401);
    expect(tooLong).toEqual([]);
  });

  it('of threads have at most 60', () => {
    const tooLong = filesBelow('workers').filter((file) => textOf(file).split('\n').length > 61);
    expect(tooLong).toEqual([]);
  });
});

describe('modules', () => {
  /** Share of the modules that have a test of the same name in the same folder; may only grow. */
  const COVERED_MIN = 0.2;

  it('have a test of the same name', () => {
    const modules = filesBelow('src').filter((file) => !file.startsWith('src/cli/'));
    const covered = modules.filter((file) =>
      existsSync(join(ROOT, file.replace(/^src/, 'test').replace(/\.ts$/, '.test.ts'))),
    );
    expect(covered.length / modules.length).toBeGreaterThan(COVERED_MIN);
  });
});

describe('tests', () => {
  const tests = filesBelow('test').filter((file) => file !== 'test/tidy.test.ts');

  it('leave how long they may take to test/support/waits.ts, unless they may take longer', () => {
    const SHORTER = /\{\s*timeout: [0-9][0-9_]*,?\s*\}|^\s*\}, [0-9_]{4,}\);$/m;
    const limited = tests.filter((file) => file.endsWith('.test.ts') && SHORTER.test(textOf(file)));
    expect(limited).toEqual([
      'test/cluster/hub-model.test.ts', // ten minutes: as many runs as are asked for
      'test/cluster/model.test.ts',
    ]);
  });

  it('share no hooks by loading a file, which units load once', () => {
    const hooked = tests.filter((file) => /^(before|after)(Each|All)\(/m.test(textOf(file)));
    expect(hooked.filter((file) => !file.endsWith('.test.ts'))).toEqual([]);
  });
});
