/**
 * Puts the program's entries and its threads into few files, with the packages that they use: a process that loads some
 * 800 modules starts in three times the time (docs/decisions/0054). Writes over what tsc made of the entries; all other
 * modules of dist/ stay as they are, for whoever imports the hub as a library.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const CHUNKS = 'chunks';
const NOTICES = 'THIRD-PARTY-NOTICES.txt';

const threads = readdirSync(join(ROOT, 'workers')).map((file) => `workers/${file.replace(/\.ts$/, '')}`);
const entries = ['src/main', 'src/cli/main', 'src/cli/bench/generate', ...threads];

rmSync(join(DIST, CHUNKS), { recursive: true, force: true });
const bundle = await rolldown({
  cwd: ROOT,
  input: Object.fromEntries(entries.map((entry) => [entry, `${entry}.ts`])),
  platform: 'node',
  // Native code, and what finds it.
  external: [/^uWebSockets\.js/, /^@uwsjs\//],
});
const { output } = await bundle.write({
  dir: DIST,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: `${CHUNKS}/[name]-[hash].js`,
  sourcemap: true,
  sourcemapExcludeSources: true, // what a stack trace needs is there without them
});
await bundle.close();
writeFileSync(join(DIST, CHUNKS, NOTICES), notices(output.flatMap((chunk) => chunk.moduleIds ?? [])));

/** The licences of the packages that the modules belong to: they ask for being passed on. */
function notices(modules) {
  const folders = new Set(modules.map(packageOf).filter((folder) => folder !== undefined));
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? `Licence: ${license}` : readFileSync(join(folder, file), 'utf8').trim();
    return `${name} ${version}\n\n${text}\n`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

/** @returns the folder of the package that the module is part of, undefined for the hub's own */
function packageOf(module) {
  if (!module.includes('/node_modules/')) return undefined;
  for (let folder = dirname(module); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version !== undefined) return folder;
  }
}
