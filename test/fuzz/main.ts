/** `npm run fuzz -- --seconds N --seed S --from INPUT --inputs N --ingest THREADS`: the fuzzer by hand. Exit code 1 when it found something. */
import { parseArgs } from 'node:util';
import { freshSeed } from '../support/random.ts';
import { fuzz } from './fuzz.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: `${freshSeed()}` },
    from: { type: 'string', default: '0' },
    inputs: { type: 'string', default: '1e12' },
    ingest: { type: 'string', default: '0' },
  },
});
const [seconds, seed, from, inputs] = [values.seconds, values.seed, values.from, values.inputs].map(
  Number,
) as [number, number, number, number];
console.log(`seed ${seed}, inputs from ${from}, for ${seconds} s`);
try {
  const report = await fuzz({ seed, from, inputs, seconds, env: { DAT_INGEST_WORKERS: values.ingest } });
  console.log(
    `${report.inputs} inputs, ${report.answered} answered; the bystander got all its ${report.delivered} events; ` +
      `${report.suspected} groups of inputs cost a thread more than 20 ms, no input alone`,
  );
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
