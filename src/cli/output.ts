/** What commands print: colours only on a terminal that wants them, JSON where it is asked for. */
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

const { NO_COLOR = '', TERM } = process.env;
const colours = process.stdout.isTTY === true && NO_COLOR === '' && TERM !== 'dumb';

/** The text in this style, where stdout shows styles. */
export function styled(style: Style, text: string): string {
  return colours ? styleText(style, text, { validateStream: false }) : text;
}

/** Writes a line to stdout. */
export function line(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One JSON value per line. */
export function jsonLine(value: unknown): void {
  line(JSON.stringify(value));
}

/** For people, beside the output proper. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Characters that change the direction of text, and line separators. */
const TURNING = /[\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** Escapes what would move the cursor or turn text around: a device or a stranger wrote it. */
export function printable(text: string): string {
  return Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
    return isControl || TURNING.test(character) ? `\\u${code.toString(16).padStart(4, '0')}` : character;
  }).join('');
}

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const padded = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [styled('bold', padded(head)), ...rows.map(padded)].join('\n');
}
