/** Output that cannot be written. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DAT } from './run.ts';

/** Runs `dat` in a shell, which redirects. */
function run(command: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-c', command.replace('dat ', `"${process.execPath}" "${DAT}" `)]);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => (stdout += text));
    child.stderr.on('data', (text) => (stderr += text));
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('dat', () => {
  it.runIf(existsSync('/dev/full'))('says in one line that the disk is full, with 74', async () => {
    for (const command of ['config env', '--help', 'completion bash', 'serve --help']) {
      const { code, stderr } = await run(`dat ${command} >/dev/full`);
      expect({ command, code }).toEqual({ command, code: 74 });
      expect(stderr).toMatch(/^dat: cannot write the output: .*no space left on device.*\n$/);
    }
  });

  it('goes on without a reader of its notes', async () => {
    for (const end of ['2>&-', '2> >(:)']) {
      const { code, stdout } = await run(`dat config check ${end}; code=$?; sleep 0.1; exit $code`);
      expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/\w/) });
      const failed = await run(`dat who dev-1 ${end}; exit $?`);
      expect(failed.code).toBe(69);
    }
  });
});
