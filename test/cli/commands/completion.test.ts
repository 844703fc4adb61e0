import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { dat } from '../run.ts';

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
    expect(await complete('dat completion')).toContain('bash zsh');
    expect(await complete('dat serve')).toContain('--admin-port');
  });

  it('prints a script for zsh', async () => {
    expect((await dat(['completion', 'zsh'])).stdout).toContain('#compdef dat');
  });
});
