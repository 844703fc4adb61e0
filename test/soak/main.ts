/** `npm run soak -- --minutes 60`: prints a line per sample, and whether anything grows. */
import { parseArgs } from 'node:util';
import { soak } from './soak.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  console.error(`--minutes: given ${values.minutes}, accepted is a number above 0`);
  process.exit(2);
}
console.log(`${minutes} min of fleet, followers, comings and goings`);
const { problems, sent, comings } = await soak({
  seconds: minutes * 60,
  sampled: ({ residentMiB, openFiles, rows }) =>
    console.log(`${residentMiB.toFixed(1)} MiB, ${openFiles} open files, ${rows} rows`),
});
console.log(`${sent} events sent, ${comings} peers came and went`);
for (const line of problems) console.error(line);
console.log(problems.length === 0 ? 'nothing grows' : `${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
