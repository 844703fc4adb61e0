import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Contexts, tokenIn } from '../../src/cli/contexts.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dat-contexts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('contexts', () => {
  const prod = { adminUrl: 'https://hub.example:7402', tokenFile: '/run/token' };

  it('are kept, listed by name, selected and removed', () => {
    const contexts = new Contexts(join(folder, 'dat'));
    expect(contexts.names()).toEqual([]);
    expect(contexts.selected()).toBe('');
    contexts.save('prod', prod);
    contexts.save('lab', { deviceUrl: 'ws://lab:7400' });
    expect(contexts.names()).toEqual(['lab', 'prod']);
    expect(contexts.load('prod')).toEqual(prod);
    contexts.select('prod');
    expect(new Contexts(join(folder, 'dat')).selected()).toBe('prod');
    contexts.remove('prod');
    expect(contexts.selected()).toBe('');
    expect(contexts.names()).toEqual(['lab']);
  });

  it('can be read by their owner alone, also after they were replaced', () => {
    const contexts = new Contexts(join(folder, 'dat'));
    contexts.save('prod', prod);
    const file = join(folder, 'dat/contexts/prod.json');
    chmodSync(file, 0o644);
    contexts.save('prod', prod);
    contexts.select('prod');
    expect(modeOf(file)).toBe(0o600);
    expect(modeOf(join(folder, 'dat/context'))).toBe(0o600);
    expect(modeOf(join(folder, 'dat'))).toBe(0o700);
  });

  it('say which there are when one is asked for that there is not', () => {
    const contexts = new Contexts(folder);
    expect(() => contexts.load('prod')).toThrow('unknown context "prod"; there are none');
    contexts.save('lab', prod);
    for (const name of ['prod', '../lab'])
      expect(() => contexts.load(name)).toThrow(`unknown context "${name}"; there are: lab`);
  });

  it.each(['', '.hidden', '../up', 'a/b', 'x'.repeat(65)])('have names that are files: not %j', (name) => {
    expect(() => new Contexts(folder).save(name, prod)).toThrow('is not the name of a context');
  });

  it('name the file that cannot be read', () => {
    const contexts = new Contexts(folder);
    contexts.save('prod', prod);
    writeFileSync(join(folder, 'contexts/prod.json'), '{');
    expect(() => contexts.load('prod')).toThrow(/prod\.json is not a context/);
  });
});

describe('a token file', () => {
  it('has one token, with or without a line end', () => {
    writeFileSync(join(folder, 'token'), 'abc.def.ghi\n');
    expect(tokenIn(join(folder, 'token'))).toBe('abc.def.ghi');
  });

  it('is refused when it is missing, empty or something else', () => {
    expect(() => tokenIn(join(folder, 'none'))).toThrow('no such file');
    for (const text of ['', '\n', 'two words', 'two\nlines', 'naïve', 'a\u200bb', 'a\x07b']) {
      writeFileSync(join(folder, 'token'), text);
      expect(() => tokenIn(join(folder, 'token'))).toThrow('expected one token');
    }
  });
});
