#!/usr/bin/env node
/** `dat`: the hub, or a command. What a command needs is loaded when it runs. */
const [first = 'serve'] = process.argv.slice(2);
const help = ['-h', '--help', '-V', '--version'];

if (first === 'serve' || (first.startsWith('-') && !help.includes(first))) {
  if (process.argv[2] === 'serve') process.argv.splice(2, 1);
  await import('../main.ts');
} else {
  const { runCommand } = await import('./program.ts');
  // Who reads has had enough: `dat watch dev-1 | head`.
  process.stdout.on('error', (failure: NodeJS.ErrnoException) => {
    if (failure.code !== 'EPIPE') throw failure;
    process.exit(0);
  });
  process.exitCode = await runCommand(process.argv.slice(2));
}
