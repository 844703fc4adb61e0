import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeSnapshot, SnapshotError, type SnapshotRow } from '../../src/snapshot/format.ts';
import { SnapshotReader } from '../../src/snapshot/reader.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { replaceInFs, watchFs } from './file-system.ts';

const CHUNK_BYTES = 64 * 1024;
const AT_MS = 1_764_000_000_000;
const vips = (count: number): SnapshotRow[] =>
  Array.from({ length: count }, (_, n) => ({ kind: 'vip', subscriber: `s-${n}` }));

function saved(rows: readonly SnapshotRow[]): string {
  const path = join(temporaryDirectory(), 'snapshot');
  writeFileSync(path, Buffer.concat([...encodeSnapshot(AT_MS, rows)]));
  return path;
}

describe('the reader of a snapshot', () => {
  it('knows when it was begun and how many rows there are, and gives them as often as asked for', () => {
    const reader = new SnapshotReader(saved(vips(3)));
    expect([reader.atMs, reader.rowCount]).toEqual([AT_MS, 3]);
    for (let times = 0; times < 2; times++) expect([...reader.rows()]).toEqual(vips(3));
    reader.close();
  });

  it('has the file open until it is closed, and never when the file is not whole', () => {
    const path = saved(vips(3));
    const { open } = watchFs();
    const reader = new SnapshotReader(path);
    expect(open()).toEqual([path]);
    reader.close();
    expect(open()).toEqual([]);
    writeFileSync(path, readFileSync(path).subarray(1));
    expect(() => new SnapshotReader(path)).toThrow(SnapshotError);
    expect(open()).toEqual([]);
  });

  it('reads lines that are longer than what it reads at a time, and any that begin or end there', () => {
    for (const length of [CHUNK_BYTES - 200, CHUNK_BYTES - 100, CHUNK_BYTES, 2.5 * CHUNK_BYTES]) {
      const rows = vips(3).map((row) => ({ ...row, pad: 'ü'.repeat(length / 2) }));
      expect([...new SnapshotReader(saved(rows)).rows()]).toEqual(rows);
    }
    for (let pad = 0; pad < 40; pad++) {
      const rows = [{ ...vips(1)[0]!, pad: 'x'.repeat(CHUNK_BYTES - 150 + pad) }, ...vips(3)];
      const reader = new SnapshotReader(saved(rows));
      expect([...reader.rows()]).toEqual(rows);
      reader.close();
    }
  });

  it('takes what it gets at a time, and notices a file that becomes shorter', () => {
    const path = saved(vips(500));
    let bytesLeft = Number.POSITIVE_INFINITY;
    replaceInFs('readSync', (read) => (file, buffer, offset, length, position) => {
      const count = read(
        file,
        buffer,
        offset,
        Math.min(length as number, 1000, bytesLeft),
        position,
      ) as number;
      bytesLeft -= count;
      return count;
    });
    const reader = new SnapshotReader(path);
    expect([...reader.rows()]).toEqual(vips(500));
    bytesLeft = 1500;
    const rows = reader.rows();
    expect(() => [...rows]).toThrow(new SnapshotError('became shorter while it was read'));
    reader.close();
  });

  it('takes no line for the end that is not the last', () => {
    const path = saved(vips(1));
    const text = readFileSync(path, 'utf8');
    const end = text.slice(text.lastIndexOf('\n', text.length - 2) + 1);
    // A body that ends as a snapshot does, and is sealed once more.
    const sha256 = createHash('sha256').update(text).digest('hex');
    writeFileSync(path, `${text}{"kind":"end","rows":2,"sha256":"${sha256}"}\n`);
    expect(() => new SnapshotReader(path)).toThrow('has a line 3 that is none of its format');
    writeFileSync(path, end);
    expect(() => new SnapshotReader(path)).toThrow('does not match its checksum');
  });

  it('throws what the file system says', () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'folder'));
    expect(() => new SnapshotReader(join(directory, 'folder'))).toThrow(/EISDIR/);
    expect(() => new SnapshotReader(join(directory, 'missing'))).toThrow(/ENOENT/);
  });
});
