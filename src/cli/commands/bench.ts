/** `dat bench`: hands over to the load bench of the checkout. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { examples, Group, type Register } from '../command.ts';
import { CliFailure, Exit } from '../failure.ts';

export const register: Register = (dat) => {
  dat
    .command('bench')
    .helpGroup(Group.setup)
    .argument('[args...]', 'arguments of "npm run bench:load", after --')
    .description('compare the hub with other servers; needs a checkout')
    .addHelpText('after', examples('dat bench -- --shapes pairs --peers dat,ws'))
    .action(bench);
};

/** From `dist/src/cli/commands/`. */
const LOAD_BENCH = fileURLToPath(new URL('../../../bench/load/run.js', import.meta.url));

async function bench(args: readonly string[]): Promise<void> {
  if (!existsSync(LOAD_BENCH))
    throw new CliFailure(
      Exit.failed,
      'the package does not include the bench; clone the project, then run npm ci and npm run bench:load',
    );
  const child = spawn(process.execPath, [LOAD_BENCH, ...args], { stdio: 'inherit' });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  process.exitCode = code ?? Exit.failed;
}
