#!/usr/bin/env node
/** `dat`: the hub, or a command. What a command needs is loaded when it runs. */
const [first = 'serve'] = process.argv.slice(2);
const forProgram = ['-h', '--help', '-V', '--version'];

if (first === 'serve' || (first.startsWith('-') && !forProgram.includes(first))) {
  if (process.argv[2] === 'serve') process.argv.splice(2, 1);
  await import('../main.ts');
} else {
  const [{ runCommand }, { mindOutput }, { endWithNpm }] = await Promise.all([
    import('./program.ts'),
    import('./streams.ts'),
    import('../npm-shell.ts'),
  ]);
  mindOutput();
  endWithNpm(process.env);
  process.exitCode = await runCommand(process.argv.slice(2));
}
