/** Writes asyncapi.yaml from the schemas of the built hub; with --check only tells, by its exit code, if it is current. */
import { readFileSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { asyncApiDocument } from '../dist/src/asyncapi/document.js';

const file = new URL('../asyncapi.yaml', import.meta.url);
const head = '# Made by npm run docs:asyncapi from src/asyncapi.\n';
// Each schema is written out where it is used.
const text = head + stringify(asyncApiDocument(), { lineWidth: 110, aliasDuplicateObjects: false });
if (process.argv.includes('--check')) process.exit(readFileSync(file, 'utf8') === text ? 0 : 1);
writeFileSync(file, text);
