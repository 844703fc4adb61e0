import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createStatusParts, isJson, readStatus } from '../../../src/wire/mqtt/payloads.ts';

/** The payload between other bytes, as packets lie one behind the other; `behind` comes right after it. */
function placed(
  payload: string | Uint8Array,
  behind: readonly number[],
): { bytes: Uint8Array; start: number; end: number } {
  const middle = Buffer.from(payload);
  const bytes = Uint8Array.from([0x7b, 0x22, ...middle, ...behind]);
  return { bytes, start: 2, end: 2 + middle.length };
}

/** Nothing, a PUBLISH (which looks like the digit 0), and what could go on a value. */
const behinds = [[], [0x30, 0x05], [0x2e, 0x35], [0x22, 0x7d], [0x65, 0x31], [0x20], [0x00]];

function isJsonEverywhere(payload: string | Uint8Array): boolean {
  const answers = behinds.map((behind) => {
    const { bytes, start, end } = placed(payload, behind);
    return isJson(bytes, start, end);
  });
  expect(new Set(answers).size).toBe(1);
  return answers[0]!;
}

describe('a payload is JSON', () => {
  it.each([
    '21.5',
    '0',
    '-1e3',
    '"text"',
    'true',
    'null',
    '{}',
    '[1,2]',
    '{"a":{"b":[]}}',
    ' 1 ',
    '\n{"a":1}\r\n',
    '"ä€😀"',
  ])('when it is one value: %j', (payload) => {
    expect(isJsonEverywhere(payload)).toBe(true);
  });

  it.each([
    '',
    ' ',
    '21.',
    '1 2',
    'on',
    '"open',
    '{"a":1',
    '{"a":1}}',
    '{a:1}',
    "'x'",
    '\ufeff1',
    '01',
    'nullx',
    '[1,]',
  ])('and not otherwise: %j', (payload) => {
    expect(isJsonEverywhere(payload)).toBe(false);
  });

  it('only if its strings are UTF-8, since it goes into text frames', () => {
    expect(isJsonEverywhere(Uint8Array.of(0x22, 0xff, 0x22))).toBe(false);
    expect(isJsonEverywhere(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22))).toBe(false);
  });

  it('exactly if JSON.parse accepts it', () => {
    const texts = fc.oneof(
      fc.json(),
      fc.json().map((text) => text.slice(0, -1)),
      fc.string({
        unit: fc.constantFrom('1', '.', 'e', '-', '"', '{', '}', ',', ':', ' ', 'a'),
        maxLength: 8,
      }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        let parses = true;
        try {
          JSON.parse(text);
        } catch {
          parses = false;
        }
        expect(isJsonEverywhere(text)).toBe(parses);
      }),
    );
  });
});

interface Read {
  readonly problem?: string | undefined;
  readonly status?: string;
  readonly data?: string;
}

function status(payload: string | Uint8Array): Read {
  const answers = behinds.map((behind): Read => {
    const parts = createStatusParts();
    const { bytes, start, end } = placed(payload, behind);
    const problem = readStatus(bytes, start, end, parts);
    if (problem !== undefined) return { problem };
    return {
      status: parts.status,
      data: Buffer.from(bytes.subarray(parts.dataStart, parts.dataEnd)).toString(),
    };
  });
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  return answers[0]!;
}

describe('a payload on the status topic', () => {
  it.each<[string, string, string]>([
    ['charging', 'charging', ''],
    ['"charging"', '"charging"', ''],
    ['on fire!', 'on fire!', ''],
    ['42', '42', ''],
    ['{', '{', ''],
    ['😀'.repeat(64), '😀'.repeat(64), ''],
    ['{"status":"charging"}', 'charging', ''],
    ['{"status":"charging","data":{"soc":80}}', 'charging', '{"soc":80}'],
    [' { "data" : [1, 2] , "extra": {"data": 3}, "status" : "x" } ', 'x', '[1, 2]'],
    ['{"status":"a","status":"b","data":1,"data":2}', 'b', '2'],
    ['{"\\u0073tatus":"escaped","d\\u0061ta":null}', 'escaped', 'null'],
    ['{"status":"lone \\ud800"}', 'lone \ufffd', ''],
  ])('is a status: %j', (payload, expected, data) => {
    expect(status(payload)).toEqual({ status: expected, data });
  });

  it.each<[string | Uint8Array, RegExp]>([
    ['', /^0 characters; expected a text of 1 to 64 characters or \{"status":…,"data":…\}/],
    ['x'.repeat(65), /^65 characters/],
    ['😀'.repeat(65), /^260 bytes/],
    ['x'.repeat(10_000), /^10000 bytes/],
    [Uint8Array.of(0xff), /^not UTF-8/],
    ['{}', /^an object without "status", a text of 1 to 64 characters/],
    ['{"state":"on"}', /^an object without "status"/],
    ['{"status":1}', /^an object without "status"/],
    ['{"status":""}', /^an object without "status"/],
    [`{"status":"${'x'.repeat(65)}"}`, /^an object without "status"/],
    ['{"status":"good","status":7}', /^an object without "status"/],
  ])('is refused: %j', (payload, problem) => {
    expect(status(payload).problem).toMatch(problem);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.json().map(Buffer.from)), (bytes) => {
        const read = status(bytes);
        if (read.problem === undefined) expect([...(read.status ?? '')].length).toBeGreaterThan(0);
      }),
    );
  });
});
