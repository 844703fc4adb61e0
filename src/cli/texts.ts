/** The JSON texts that `dat send` publishes: an argument, repeated or not, or the lines of stdin. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { CliFailure, Exit } from './failure.ts';
import { printable } from './output.ts';

/** @returns the text @throws CliFailure when it is not JSON. @param where for the message, such as `line 3: ` */
export function checkJson(text: string, where = ''): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    const shown = printable(text.length > 60 ? `${text.slice(0, 60)}…` : text);
    const hint = `a text needs quotes: '"${printable(text.slice(0, 20))}"'`;
    throw new CliFailure(Exit.usage, `${where}not JSON: ${shown}; ${hint}`);
  }
}

/** The same text, `count` times. */
export function* repeated(text: string, count: number): Generator<string> {
  for (let n = 0; n < count; n++) yield text;
}

/**
 * The lines of a stream but the empty ones, at most `count`.
 * @param stop ends them early
 * @throws CliFailure at a line that is not JSON
 */
export async function* linesOf(input: Readable, count: number, stop: AbortSignal): AsyncGenerator<string> {
  let number = 0;
  let given = 0;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY, signal: stop })) {
    number += 1;
    if (line.trim() === '') continue;
    yield checkJson(line.trim(), `line ${number}: `);
    given += 1;
    if (given === count) return;
  }
}
