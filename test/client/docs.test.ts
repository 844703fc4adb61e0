/** docs/client.md against what the client exports. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The names in the export lists of a module, and of its own exports. */
function exportsOf(path: string): string[] {
  const source = read(path);
  const listed = [...source.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
    list.split(',').map((name) => name.replace(/\btype\b/, '').trim()),
  );
  const own = [...source.matchAll(/^export (?:const|function|class|interface|type) (\w+)/gm)];
  return [...listed, ...own.map(([, name = '']) => name)].filter((name) => name !== '');
}

describe('docs/client.md', () => {
  it.each(['clients/js/src/index.ts', 'clients/js/src/react.ts'])('names all that %s exports', (path) => {
    const page = read('docs/client.md');
    const names = exportsOf(path);
    expect(names.length).toBeGreaterThan(3);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(page))).toEqual([]);
  });
});
