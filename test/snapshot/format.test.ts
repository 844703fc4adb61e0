import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  END_LINE_BYTES_MAX,
  encodeSnapshot,
  parseEnd,
  parseRow,
  SnapshotError,
  type SnapshotRow,
} from '../../src/snapshot/format.ts';
import { SnapshotReader } from '../../src/snapshot/reader.ts';
import { isId } from '../../src/wire/id.ts';
import { below } from '../support/runs.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const AT_MS = 1_764_000_000_000;

const id = fc
  .string({ unit: fc.constantFrom(...'abcXYZ019._:~-'), minLength: 1, maxLength: 128 })
  .filter(isId);
const pattern = fc.oneof(
  id,
  id.map((prefix) => `${prefix}*`),
  fc.constant('*'),
);
const access = fc.constantFrom('allow' as const, 'deny' as const);
const row: fc.Arbitrary<SnapshotRow> = fc.oneof(
  fc.record({ kind: fc.constant('rule' as const), device: pattern, subscriber: pattern, access }),
  fc.record({
    kind: fc.constant('device' as const),
    device: id,
    seq: fc.maxSafeNat(),
    lastSeen: fc.maxSafeNat(),
    status: fc.string({ unit: 'grapheme-composite', maxLength: 8 }),
  }),
  fc.record({
    kind: fc.constant('device' as const),
    device: id,
    seq: fc.maxSafeNat(),
    lastSeen: fc.maxSafeNat(),
    status: fc.constant(''),
    epoch: fc.maxSafeNat(),
  }),
  fc.record({ kind: fc.constant('vip' as const), subscriber: id }),
  fc.record({ kind: fc.constant('pair' as const), device: id, subscriber: id, access }),
);

const few: readonly SnapshotRow[] = [
  { kind: 'rule', device: 'lab-*', subscriber: '*', access: 'deny' },
  { kind: 'device', device: 'dev-1', seq: 41, lastSeen: AT_MS - 5, status: 'lädt "97 %"\n' },
  { kind: 'vip', subscriber: 's-1' },
  { kind: 'pair', device: 'dev-1', subscriber: 's-2', access: 'deny' },
];

function encoded(rows: Iterable<SnapshotRow>): Buffer {
  return Buffer.concat([...encodeSnapshot(AT_MS, rows)]);
}

function read(path: string): { atMs: number; rows: SnapshotRow[] } {
  const reader = new SnapshotReader(path);
  try {
    return { atMs: reader.atMs, rows: [...reader.rows()] };
  } finally {
    reader.close();
  }
}

/** Lines with a right end, whatever they say. */
function sealed(...lines: readonly string[]): string {
  const body = lines.map((line) => `${line}\n`).join('');
  const sha256 = createHash('sha256').update(body).digest('hex');
  return `${body}{"kind":"end","rows":${Math.max(0, lines.length - 1)},"sha256":"${sha256}"}\n`;
}

const VIP = '{"kind":"vip","subscriber":"s"}';
const HEADER = `{"kind":"header","format":"dat-snapshot","version":1,"at":${AT_MS}}`;

describe('a snapshot', () => {
  it('is read as it was written', () => {
    const path = join(temporaryDirectory(), 'snapshot');
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
        writeFileSync(path, encoded(rows));
        expect(read(path)).toEqual({ atMs: AT_MS, rows });
      }),
    );
  });

  it('is read as it was written when it is larger than any buffer', () => {
    const path = join(temporaryDirectory(), 'snapshot');
    const rows = Array.from(
      { length: 20_000 },
      (_, n): SnapshotRow => ({
        kind: 'device',
        device: `dev-${n}`,
        seq: n,
        lastSeen: n,
        status: 'ü'.repeat(n % 64),
      }),
    );
    const chunks = [...encodeSnapshot(AT_MS, rows)];
    expect(chunks.length).toBeGreaterThan(10);
    writeFileSync(path, Buffer.concat(chunks));
    expect(read(path).rows).toEqual(rows);
  });

  it('may be empty of rows', () => {
    const path = join(temporaryDirectory(), 'snapshot');
    writeFileSync(path, encoded([]));
    expect(read(path)).toEqual({ atMs: AT_MS, rows: [] });
  });

  it('is found out wherever it is cut off', () => {
    const path = join(temporaryDirectory(), 'snapshot');
    const whole = encoded(few);
    for (const length of below(whole.length)) {
      writeFileSync(path, whole.subarray(0, length));
      expect(() => read(path), `${length} of ${whole.length} bytes`).toThrow(SnapshotError);
    }
  });

  it('is found out whichever bit is turned', () => {
    const path = join(temporaryDirectory(), 'snapshot');
    const whole = encoded(few);
    for (const bit of below(8 * whole.length)) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(path, damaged);
      expect(() => read(path), `bit ${bit} of ${8 * whole.length}`).toThrow(SnapshotError);
    }
  });

  it('is found out when something follows it', () => {
    const path = join(temporaryDirectory(), 'snapshot');
    for (const more of ['\n', ' ', '{}\n', encoded(few).toString()]) {
      writeFileSync(path, `${encoded(few)}${more}`);
      expect(() => read(path), JSON.stringify(more)).toThrow(SnapshotError);
    }
  });

  it.each([
    ['is empty', ''],
    ['is cut off: its last line is not the end of a snapshot', 'something else'],
    ['does not match its checksum', sealed(HEADER).replace('1764', '1765')],
    ['holds 0 rows, its end says 1', sealed(HEADER).replace('"rows":0', '"rows":1')],
    ['is not a snapshot of a hub', sealed('{"kind":"header","format":"another","version":1,"at":1}')],
    ['has format version 2, this hub reads 1', sealed(HEADER.replace('"version":1', '"version":2'))],
    ['is not a snapshot of a hub', sealed('{"kind":"end","format":"dat-snapshot","version":1,"at":1}')],
    ['has format version "1", this hub reads 1', sealed(HEADER.replace('"version":1', '"version":"1"'))],
    ['has a line 1 that is none of its format', sealed('not JSON')],
    ['has a line 1 that is none of its format', sealed('1')],
    ['has a line 1 that is none of its format', sealed()],
    ['holds 2 rows, its end says 1', sealed(HEADER, VIP, VIP).replace('"rows":2', '"rows":1')],
    ['has a line 1 that is none of its format', sealed(HEADER.replace(/"at":\d+/, '"at":-1'))],
    ['has a line 2 that is none of its format', sealed(HEADER, 'null')],
    ['has a line 2 that is none of its format', sealed(HEADER, '{"kind":"toString"}')],
    ['has a line 2 that is none of its format', sealed(HEADER, HEADER)],
    ['has a line 3 that is none of its format', sealed(HEADER, '{"kind":"vip","subscriber":"s"}', '')],
    [
      'has a line 2 that is none of its format',
      sealed(HEADER, '{"kind":"pair","device":"a b","subscriber":"s","access":"deny"}'),
    ],
    [
      'has a line 2 that is none of its format',
      sealed(HEADER, '{"kind":"rule","device":"a*b","subscriber":"s","access":"deny"}'),
    ],
    [
      'has a line 2 that is none of its format',
      sealed(HEADER, '{"kind":"device","device":"d","seq":1.5,"lastSeen":0,"status":""}'),
    ],
    [
      'has a line 2 that is none of its format',
      sealed(HEADER, `{"kind":"device","device":"d","seq":1,"lastSeen":0,"status":"${'x'.repeat(65)}"}`),
    ],
  ])('that %s is refused with these words', (message, text) => {
    const path = join(temporaryDirectory(), 'snapshot');
    writeFileSync(path, text);
    expect(() => read(path)).toThrow(new SnapshotError(message));
    expect(String(new SnapshotError(message))).toBe(`SnapshotError: ${message}`);
  });
});

describe('a row of a snapshot', () => {
  const noIds = ['', 'a b', 'a*', '.', 'x'.repeat(129), 5, null, ['a'], undefined];
  const noPatterns = ['', 'a b', 'a*b', '**', 5, null, ['a'], undefined];
  const noAccess = ['', 'denied', true, null, ['deny'], undefined];
  const noCounts = [-1, 1.5, 2 ** 53, '1', null, Number.NaN, undefined];
  const noStatuses = ['x'.repeat(65), '😀'.repeat(65), 5, null, ['up'], undefined];

  const kinds: readonly (readonly [row: SnapshotRow, wrong: Readonly<Record<string, readonly unknown[]>>])[] =
    [
      [
        { kind: 'rule', device: 'dev-*', subscriber: '*', access: 'allow' },
        { device: noPatterns, subscriber: noPatterns, access: noAccess },
      ],
      [
        { kind: 'device', device: 'dev-1', seq: 0, lastSeen: 0, status: '', epoch: 0 },
        {
          device: noIds,
          seq: noCounts,
          lastSeen: noCounts,
          status: noStatuses,
          epoch: noCounts.filter((value) => value !== undefined && !Number.isNaN(value)),
        },
      ],
      [{ kind: 'vip', subscriber: 's-1' }, { subscriber: noIds }],
      [
        { kind: 'pair', device: 'dev-1', subscriber: 's-1', access: 'deny' },
        { device: noIds, subscriber: noIds, access: noAccess },
      ],
    ];

  it.each(kinds)('is one of its kind: %j', (row, wrong) => {
    expect(parseRow(JSON.stringify(row), 7)).toEqual(row);
    for (const [field, values] of Object.entries(wrong)) {
      for (const value of values) {
        const line = JSON.stringify({ ...row, [field]: value });
        const refused = new SnapshotError('has a line 7 that is none of its format');
        expect(() => parseRow(line, 7), line).toThrow(refused);
      }
    }
  });

  it.each(['end', 'header', 'toString', '', 1, null, undefined, ['vip']])('is of no kind %j', (kind) => {
    const all = { device: 'dev-1', subscriber: 's-1', access: 'deny', seq: 0, lastSeen: 0, status: '' };
    expect(() => parseRow(JSON.stringify({ ...all, kind }), 7)).toThrow(SnapshotError);
  });

  it('has a status of up to 64 characters, whatever they take', () => {
    for (const status of ['x'.repeat(64), '😀'.repeat(64)]) {
      const row = { kind: 'device', device: 'dev-1', seq: Number.MAX_SAFE_INTEGER, lastSeen: 1, status };
      expect(parseRow(JSON.stringify(row), 2)).toEqual(row);
    }
  });
});

describe('the end of a snapshot', () => {
  const sha256 = 'a0'.repeat(32);
  const end = (rows: string, sum = sha256): string => `{"kind":"end","rows":${rows},"sha256":"${sum}"}\n`;

  it('is told from all else: a count, a checksum and a line break', () => {
    for (const rows of [0, 1, 10, 999_999_999_999_999])
      expect(parseEnd(end(String(rows)))).toEqual({ rows, sha256 });
    for (const line of [
      end('01'),
      end('-1'),
      end(''),
      end('1000000000000000'),
      end('1', `${sha256}0`),
      end('1', sha256.slice(1)),
      end('1', sha256.toUpperCase()),
      end('1').trimEnd(),
      ` ${end('1')}`,
      `${end('1')}\n`,
    ])
      expect(() => parseEnd(line), line).toThrow(SnapshotError);
  });

  it('is found within the last bytes of the file, however many rows there are', () => {
    expect(end('9'.repeat(15)).length).toBeLessThan(END_LINE_BYTES_MAX);
  });
});

it('a snapshot is written in chunks of about 64 KiB', () => {
  const row: SnapshotRow = { kind: 'vip', subscriber: 'x'.repeat(100) };
  const bytes = JSON.stringify(row).length + 1;
  const chunks = [...encodeSnapshot(AT_MS, Array<SnapshotRow>(1600).fill(row))].map(({ length }) => length);
  for (const length of chunks.slice(0, -2)) {
    expect(length).toBeGreaterThanOrEqual(64 * 1024);
    expect(length).toBeLessThan(64 * 1024 + bytes);
  }
  expect(chunks).toHaveLength(5);
});
