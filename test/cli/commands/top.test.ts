import { spawn } from 'node:child_process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useHub } from '../../conformance/harness.ts';
import { eventually } from '../../support/eventually.ts';
import { DAT, dat, portsOf } from '../run.ts';

describe('dat top', () => {
  const hub = useHub({});

  it('prints the figures once where it is told so', async () => {
    const json = await dat(['top', '--once', '--json'], portsOf(hub));
    expect(json.code).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({
      rates: {},
      threads: expect.any(Array),
      busiest: expect.any(Array),
    });
    const text = await dat(['top', '--once'], portsOf(hub));
    expect(text.stdout).toMatch(/events\/s .+deliveries\/s/);
    expect(text.stdout).toMatch(/THREAD↓\s+LAG/);
    expect(text.stdout).not.toContain('\u001b');
  });

  it('counts the work of the main thread and the owner', async () => {
    const { device } = await hub.pair();
    const sending = setInterval(() => device.send({ type: 'message', data: 1 }), 10);
    onTestFinished(() => clearInterval(sending));
    const workOf = (rows: readonly string[], name: string): number =>
      Number(
        rows
          .find((row) => row.startsWith(name))
          ?.split(/ {2,}/)
          .at(-1),
      );
    // It shows one second, in which nothing is sent if this process stands still.
    await eventually('both have worked', async () => {
      const rows = (await dat(['top', '--once'], portsOf(hub))).stdout.split('\n');
      return ['main', 'owner'].every((name) => workOf(rows, name) > 0);
    });
  });

  it('takes the whole terminal, reacts to keys, and gives the terminal back', async () => {
    // `script` gives the command a terminal; what is typed there comes from our pipe.
    const command = `stty rows 24 cols 100; '${process.execPath}' '${DAT}' top`;
    const child = spawn('script', ['-qfec', command, '/dev/null'], {
      env: { ...process.env, ...portsOf(hub), TERM: 'xterm' },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let screen = '';
    child.stdout.on('data', (text) => {
      screen += text;
    });
    await eventually('it draws', () => screen.includes('q quit'));
    expect(screen).toContain('\u001b[?1049h');
    expect(screen).toMatch(/THREAD↓/);
    child.stdin.write('t');
    await eventually('the order changed', () => screen.includes('LAG↓'));
    child.stdin.write('q');
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(0);
    expect(screen.trimEnd().endsWith('\u001b[?25h\u001b[?1049l')).toBe(true);
  });
});
