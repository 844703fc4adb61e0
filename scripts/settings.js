/** Writes the tables of docs/settings.md from the schema of the built hub; with --check it only reports, by its exit code, whether they are current. */
import { readFileSync, writeFileSync } from 'node:fs';
import { settingsTable } from '../dist/src/settings.js';

const BEGIN = '<!-- settings:begin -->\n';
const END = '\n<!-- settings:end -->';
const file = new URL('../docs/settings.md', import.meta.url);
const page = readFileSync(file, 'utf8');
const start = page.indexOf(BEGIN) + BEGIN.length;
const end = page.indexOf(END);
if (start < BEGIN.length || end < start) throw new Error('docs/settings.md lacks its two markers');
const current = page.slice(0, start) + settingsTable() + page.slice(end);
if (process.argv.includes('--check')) process.exit(page === current ? 0 : 1);
writeFileSync(file, current);
