/** Lays out help: wraps at the width of the terminal, however narrow. */
import type { Command, Help } from 'commander';

/** Longer lines are hard to read. */
const WIDTH_MAX = 110;
const WIDTH_WITHOUT_TERMINAL = 80;
/** If less than this is left beside the terms, descriptions go below them. */
const BESIDE_MIN = 30;
const BELOW_INDENT = 6;

/** @param columns width of the terminal; 0 or undefined without one */
export function helpWidth(columns: number | undefined): number {
  return Math.min(columns || WIDTH_WITHOUT_TERMINAL, WIDTH_MAX);
}

/** Call before commands are added, because they inherit it. */
export function layOutHelp(command: Command): void {
  command.configureHelp({ minWidthToWrap: 1, formatItem });
}

function formatItem(this: void, term: string, termWidth: number, text: string, help: Help): string {
  const width = help.helpWidth ?? WIDTH_WITHOUT_TERMINAL;
  const beside = width - termWidth - 4;
  if (text === '') return `  ${term}`;
  if (beside >= BESIDE_MIN) {
    const padded = `  ${term}${' '.repeat(termWidth - help.displayWidth(term))}  `;
    return padded + indented(help.boxWrap(text, beside), termWidth + 4);
  }
  const indent = ' '.repeat(BELOW_INDENT);
  return `  ${term}\n${indent}${indented(help.boxWrap(text, width - BELOW_INDENT), BELOW_INDENT)}`;
}

function indented(text: string, spaces: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(spaces)}`);
}

/** A term and its meaning, wrapped like options. @param width of the help */
export function helpItems(
  command: Command,
  width: number,
  items: readonly (readonly [term: string, text: string])[],
): string {
  const help = command.createHelp();
  help.helpWidth = width;
  const termWidth = Math.max(...items.map(([term]) => term.length));
  return items.map(([term, text]) => help.formatItem(term, termWidth, text, help)).join('\n');
}
