/** What happens when stdout or stderr cannot be written. */
import { Exit } from './failure.ts';

/** To be called once, before anything is written. */
export function mindOutput(): void {
  process.stdout.on('error', (failure: NodeJS.ErrnoException) => {
    // The reader has had enough: `dat watch dev-1 | head`.
    if (failure.code === 'EPIPE') process.exit(Exit.ok);
    process.stderr.write(`dat: cannot write the output: ${failure.message}\n`);
    process.exit(Exit.output);
  });
  // Notes that nobody reads are no reason to stop.
  process.stderr.on('error', () => {});
}
