import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { checkJson, linesOf, repeated } from '../../src/cli/texts.ts';

async function read(text: string, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(Readable.from([text]), count, new AbortController().signal))
    lines.push(line);
  return lines;
}

describe('the texts of dat send', () => {
  it('are the lines of stdin, without empty ones, as they were written', async () => {
    expect(await read('{"a": 1.10}\r\n\n  "x"  \n[1]')).toEqual(['{"a": 1.10}', '"x"', '[1]']);
  });

  it('are no more than is asked for, whatever comes then', async () => {
    expect(await read('1\n2\nthree\n', 2)).toEqual(['1', '2']);
    expect([...repeated('1', 3)]).toEqual(['1', '1', '1']);
  });

  it('end at the first line that is not JSON, with its number', async () => {
    await expect(read('1\n\nhello\n2\n')).rejects.toThrow(
      `line 3: not JSON: hello; a text needs quotes: '"hello"'`,
    );
    expect(() => checkJson('x'.repeat(100))).toThrow(`not JSON: ${'x'.repeat(60)}…; `);
    expect(() => checkJson('\x1b[2J')).toThrow('not JSON: \\u001b[2J; a text needs quotes: \'"\\u001b[2J"\'');
  });
});
