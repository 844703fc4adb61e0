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
const { growth, problems, sent, comings } = await soak({
  seconds: minutes * 60,
  sampled: ({ residentMiB, openFiles, rows }) =>
    console.log(`${residentMiB.toFixed(1)} MiB, ${openFiles} open files, ${rows} rows`),
});
console.log(`${sent} events sent, ${comings} peers came and went`);
const wrong = [...growth, ...problems];
for (const line of wrong) console.error(line);
console.log(wrong.length === 0 ? 'nothing grows' : `${wrong.length} problems`);
process.exit(wrong.length === 0 ? 0 : 1);
