import { spawn, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { dat } from '../run.ts';

const isInstalled = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

/** What a program prints. */
function outputOf(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(program, args);
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.once('close', () => resolve(text));
  });
}

describe('dat completion', () => {
  it('completes commands, options and their values in bash', async () => {
    const { stdout } = await dat(['completion', 'bash']);
    const complete = (words: string) =>
      outputOf('bash', [
        '-c',
        `${stdout}\nCOMP_WORDS=(${words} ''); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _dat; echo "\${COMPREPLY[@]}"`,
      ]);
    expect(await complete('dat')).toContain('watch');
    expect(await complete('dat token')).toContain('create inspect');
    expect(await complete('dat token create')).toContain('--expires');
    expect(await complete('dat token create --role')).toBe('device subscriber admin\n');
    expect(await complete('dat completion')).toContain('bash zsh fish');
    expect(await complete('dat serve')).toContain('--admin-port');
  });

  it.runIf(isInstalled('fish'))('completes commands, options and their values in fish', async () => {
    const { stdout } = await dat(['completion', 'fish']);
    const complete = async (typed: string): Promise<string[]> => {
      const script = `${stdout}\ncomplete -C ${JSON.stringify(typed)}`;
      const lines = (await outputOf('fish', ['--no-config', '-c', script])).trim().split('\n');
      return lines.map((line) => line.split('\t')[0] ?? '');
    };
    expect(await complete('dat wa')).toEqual(['watch']);
    expect(await complete('dat token ')).toEqual(['create', 'inspect']);
    expect(await complete('dat token create --ro')).toEqual(['--role']);
    expect(await complete('dat token create --role ')).toEqual(['admin', 'device', 'subscriber']);
    expect(await complete('dat completion ')).toEqual(['bash', 'fish', 'zsh']);
    expect(await complete('dat send dev-1 --st')).toEqual(['--status']);
    expect(await complete('dat serve --admin-p')).toEqual(['--admin-port']);
    expect(await complete('dat watch dev-1 ')).toEqual(['']);
  });

  it.runIf(isInstalled('zsh'))('is valid zsh', async () => {
    const { stdout } = await dat(['completion', 'zsh']);
    expect(stdout).toMatch(/^#compdef dat\n/);
    // compadd is known inside of completion only: this one prints what it is given.
    const complete = (words: string) =>
      outputOf('zsh', [
        '-fc',
        `compadd() { shift; print -r -- "$@" }\nwords=(${words} ''); CURRENT=$#words\n() {\n${stdout}\n}`,
      ]);
    expect(await complete('dat token')).toContain('create inspect');
    expect(await complete('dat token create --role')).toBe('device subscriber admin\n');
  });
});
