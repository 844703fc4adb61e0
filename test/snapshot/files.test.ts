import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkWritable,
  exists,
  previousOf,
  SnapshotRefused,
  setAside,
  setBack,
  writeSnapshot,
} from '../../src/snapshot/files.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { fsError, replaceInFs, watchFs } from './file-system.ts';

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

  it('where none can be written: the one there is takes the place of the one before', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    for (const text of ['first', 'second']) writeSnapshot(file, bytes(text));
    setBack(file);
    expect(contents(directory)).toEqual({ 'snapshot.prev': 'second' });
    setBack(file);
    expect(contents(directory)).toEqual({ 'snapshot.prev': 'second' });
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

  it('is on the disk before it takes the place of the one before, and so is its name before it is done', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    writeSnapshot(file, bytes('first'));
    const { calls, open } = watchFs();
    writeSnapshot(file, [Buffer.from('sec'), Buffer.from('ond')]);
    const [temporary, previous] = [`${file}.tmp`, `${file}.prev`];
    expect(calls).toEqual([
      `open ${temporary}`,
      `write ${temporary}`,
      `write ${temporary}`,
      `fsync ${temporary}`,
      `close ${temporary}`,
      `link ${file} ${previous}`,
      `rename ${temporary} ${file}`,
      `open ${directory}`,
      `fsync ${directory}`,
      `close ${directory}`,
    ]);
    expect(open()).toEqual([]);
  });

  it('becomes the one before by another name where the file system has no hard links', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    replaceInFs('linkSync', () => () => {
      throw fsError('EPERM');
    });
    for (const text of ['first', 'second', 'third']) writeSnapshot(file, bytes(text));
    expect(contents(directory)).toEqual({ snapshot: 'third', 'snapshot.prev': 'second' });
  });

  it('writes all, however little the disk takes at a time', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    replaceInFs(
      'writeSync',
      (write) => (descriptor, chunk, at) =>
        write(descriptor, chunk, at, Math.min(3, (chunk as Buffer).length - (at as number))),
    );
    expect(writeSnapshot(file, [...bytes('abcdefgh'), ...bytes('ijkl')])).toBe(12);
    expect(contents(directory)).toEqual({ snapshot: 'abcdefghijkl' });
  });

  it.each(['writeSync', 'fsyncSync'] as const)(
    'leaves nothing open, and no half of it, when %s fails',
    (name) => {
      const directory = temporaryDirectory();
      const file = join(directory, 'snapshot');
      writeSnapshot(file, bytes('first'));
      const { open } = watchFs();
      replaceInFs(name, () => () => {
        throw fsError('ENOSPC');
      });
      expect(() => writeSnapshot(file, bytes('second'))).toThrow('ENOSPC');
      expect(open()).toEqual([]);
      expect(contents(directory)).toEqual({ snapshot: 'first' });
    },
  );

  it('leaves nothing open when its name cannot be made durable, and says so', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    const { open } = watchFs();
    let syncs = 0;
    replaceInFs('fsyncSync', (sync) => (descriptor) => {
      syncs += 1;
      if (syncs > 1) throw fsError('EIO');
      return sync(descriptor);
    });
    expect(() => writeSnapshot(file, bytes('first'))).toThrow('EIO');
    expect(open()).toEqual([]);
    expect(contents(directory)).toEqual({ snapshot: 'first' });
  });
});

describe('the files beside a snapshot', () => {
  it('are named after it', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    expect(previousOf(file)).toBe(`${file}.prev`);
    expect(exists(file)).toBe(false);
    writeSnapshot(file, bytes('first'));
    expect(exists(file)).toBe(true);
    expect(setAside(file)).toBe(`${file}.corrupt`);
    expect(contents(directory)).toEqual({ 'snapshot.corrupt': 'first' });
  });
});

describe('the check of a snapshot file at start', () => {
  it('lets a file in a directory that can be written pass, and leaves no trace', () => {
    const directory = temporaryDirectory();
    checkWritable(join(directory, 'snapshot'));
    expect(contents(directory)).toEqual({});
    writeSnapshot(join(directory, 'snapshot'), bytes('first'));
    const { calls, open } = watchFs();
    checkWritable(join(directory, 'snapshot'));
    expect(contents(directory)).toEqual({ snapshot: 'first' });
    // What it tries is a file of its own: no other hub's that this one was pointed at by mistake.
    const probe = join(directory, `snapshot.${process.pid}.probe`);
    expect(calls).toEqual([`open ${probe}`, `close ${probe}`]);
    expect(open()).toEqual([]);
  });

  it('does not take a file that somebody else has put there', () => {
    const directory = temporaryDirectory();
    const probe = `snapshot.${process.pid}.probe`;
    writeFileSync(join(directory, probe), 'mine');
    expect(() => checkWritable(join(directory, 'snapshot'))).toThrow(/cannot be written: EEXIST$/);
    expect(contents(directory)).toEqual({ [probe]: 'mine' });
  });

  it('lets nobody else read what it tries', () => {
    const modes: unknown[] = [];
    replaceInFs('openSync', (open) => (...args) => {
      modes.push(args[2]);
      return open(...args);
    });
    checkWritable(join(temporaryDirectory(), 'snapshot'));
    expect(modes).toEqual([0o600]);
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
      const file = join(directory, path);
      expect(() => checkWritable(file), path).toThrow(SnapshotRefused);
      expect(() => checkWritable(file), path).toThrow(`snapshot file ${JSON.stringify(file)}: `);
      expect(() => checkWritable(join(directory, path)), path).toThrow(why);
    }
  });
});
