/**
 * Reads Stryker's reports and prints the table of docs/testing.md and what survived.
 * `node test/mutation/summary.js [REPORT…]`, without a name the last report.
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

const NOTICED = ['Killed', 'Timeout'];
const UNNOTICED = ['Survived', 'NoCoverage'];

const names = process.argv.slice(2);
const files = new Map();
for (const name of names.length > 0 ? names : ['.stryker/report.json'])
  for (const [path, file] of Object.entries(JSON.parse(readFileSync(name, 'utf8')).files))
    files.set(path, file);

const folderOf = (path) => dirname(path);
const count = (mutants, ...statuses) => mutants.filter(({ status }) => statuses.includes(status)).length;

function rowOf(name, mutants) {
  const noticed = count(mutants, ...NOTICED);
  const score = (100 * noticed) / (noticed + count(mutants, ...UNNOTICED));
  const unfinished = count(mutants, 'RuntimeError', 'Pending');
  const cells = [name, noticed, count(mutants, 'Survived'), count(mutants, 'NoCoverage'), unfinished];
  return `| ${cells.join(' | ')} | ${score.toFixed(1)} % |`;
}

console.log('| what | noticed | survived | no test | not run | score |');
console.log('| --- | --- | --- | --- | --- | --- |');
for (const folder of new Set([...files.keys()].map(folderOf)))
  console.log(
    rowOf(
      `\`${folder}\``,
      [...files].filter(([path]) => folderOf(path) === folder).flatMap(([, { mutants }]) => mutants),
    ),
  );
for (const [path, { mutants }] of files) console.log(rowOf(path, mutants));

for (const [path, { source, mutants }] of files) {
  const lines = source.split('\n');
  for (const { status, mutatorName, replacement, location } of mutants) {
    if (!UNNOTICED.includes(status)) continue;
    const { line, column } = location.start;
    const change = replacement?.replace(/\s+/g, ' ').slice(0, 100);
    console.log(
      `${path}:${line}:${column} ${status} ${mutatorName} → ${change}\n    ${lines[line - 1].trim()}`,
    );
  }
}
