import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkWritable, SnapshotRefused, writeSnapshot } from '../../src/snapshot/files.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const bytes = (text: string) => [Buffer.from(text)];
const contents = (directory: string) =>
  Object.fromEntries(
    readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
  );

describe('writing a snapshot', () => {
  it('keeps the one before and no other', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    writeSnapshot(file, bytes('first'));
    expect(contents(directory)).toEqual({ snapshot: 'first' });
    writeSnapshot(file, bytes('second'));
    expect(contents(directory)).toEqual({ snapshot: 'second', 'snapshot.prev': 'first' });
    writeSnapshot(file, bytes('third'));
    expect(contents(directory)).toEqual({ snapshot: 'third', 'snapshot.prev': 'second' });
  });

  it('tells its length and puts chunk after chunk', () => {
    const file = join(temporaryDirectory(), 'snapshot');
    expect(writeSnapshot(file, [Buffer.from('ab'), Buffer.from(''), Buffer.from('cde')])).toBe(5);
    expect(readFileSync(file, 'utf8')).toBe('abcde');
  });

  it('lets nobody but the user of the hub read it', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    writeFileSync(`${file}.tmp`, 'left behind');
    chmodSync(`${file}.tmp`, 0o666);
    for (const text of ['first', 'second']) writeSnapshot(file, bytes(text));
    for (const name of readdirSync(directory))
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
  });

  it('leaves everything as it was when the rows cannot be read', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    for (const text of ['first', 'second']) writeSnapshot(file, bytes(text));
    function* failing(): Generator<Buffer> {
      yield Buffer.from('half');
      throw new Error('the table cannot be read');
    }
    expect(() => writeSnapshot(file, failing())).toThrow('the table cannot be read');
    expect(contents(directory)).toEqual({ snapshot: 'second', 'snapshot.prev': 'first' });
  });

  // The limit on a process's files ends a write in the middle, as a full disk does.
  it('leaves everything as it was when the disk takes no more', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    writeSnapshot(file, bytes('first'));
    const built = pathToFileURL(join(import.meta.dirname, '../../dist/src/snapshot/files.js')).href;
    const script = `
      import { writeSnapshot } from ${JSON.stringify(built)};
      try {
        writeSnapshot(${JSON.stringify(file)}, Array.from({ length: 100 }, () => Buffer.alloc(4096)));
      } catch (error) {
        console.log(error.code);
      }`;
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', 'ulimit -f 16; exec "$0" --input-type=module -e "$1"', process.execPath, script],
      { encoding: 'utf8' },
    );
    expect(stdout, stderr).toMatch(/^(EFBIG|ENOSPC)\n$/);
    expect(contents(directory)).toEqual({ snapshot: 'first' });
  });
});

describe('the check of a snapshot file at start', () => {
  it('lets a file in a directory that can be written pass, and leaves no trace', () => {
    const directory = temporaryDirectory();
    checkWritable(join(directory, 'snapshot'));
    expect(contents(directory)).toEqual({});
    writeSnapshot(join(directory, 'snapshot'), bytes('first'));
    checkWritable(join(directory, 'snapshot'));
    expect(contents(directory)).toEqual({ snapshot: 'first' });
  });

  it('refuses what is not there, no directory, or a directory itself', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'file'), '');
    mkdirSync(join(directory, 'folder'));
    for (const [path, why] of [
      ['nowhere/snapshot', /its directory ".*nowhere" does not exist$/],
      ['file/snapshot', /its directory ".*file" cannot be written: ENOTDIR$/],
      ['folder', /it is a directory$/],
    ] as const) {
      expect(() => checkWritable(join(directory, path)), path).toThrow(SnapshotRefused);
      expect(() => checkWritable(join(directory, path)), path).toThrow(why);
    }
  });
});
