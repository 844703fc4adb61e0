import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { useHub } from '../conformance/harness.ts';
import { dat, portsOf } from './run.ts';

describe('dat', () => {
  it('runs the hub with flags only', async () => {
    const { code, stdout } = await dat(['--device-port=0', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('--subscriber-port');
    expect((await dat(['serve', '--device-port=x'])).code).toBe(78);
  });

  it('has a description and examples for every command', () => {
    const commands = createProgram().commands.flatMap((one) =>
      one.commands.length > 0 ? one.commands : [one],
    );
    for (const command of commands) {
      if (command.name() === 'serve') continue; // its help is that of the hub
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      expect(command.description(), command.name()).toMatch(/^\w.{9,}/s);
      expect(help, command.name()).toMatch(/\n\n[A-Z][^\n]*[\s\S]*?\.\n\n/); // a sentence
      for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
      expect(help, command.name()).toContain(`$ `);
      expect(help, command.name()).toContain(`dat `);
    }
  });

  it('lists the commands of a group under one heading', () => {
    for (const group of createProgram().commands.filter(({ commands }) => commands.length > 0)) {
      const headings = group.helpInformation().match(/^\S.*:$/gm);
      expect(headings, group.name()).toEqual(['Options:', 'Commands:']);
    }
  });

  it('names the help to read, and prints it where a subcommand is missing', async () => {
    expect((await dat(['send'])).stderr).toMatch(/see "dat send --help"\n$/);
    expect((await dat(['token', 'create'])).stderr).toMatch(/see "dat token create --help"\n$/);
    expect((await dat(['token'])).stderr).toContain('dat token [options] [command]');
    expect((await dat(['wtch'])).stderr).toContain('did you mean "watch"?');
  });

  it('says so where it is asked for the help of a command that there is not', async () => {
    for (const [args, message] of [
      [['help', 'wtch'], 'unknown command "wtch" (did you mean "watch"?); see "dat --help"'],
      [['help', 'nothing'], 'unknown command "nothing"; see "dat --help"'],
      [
        ['token', 'help', 'creat'],
        'unknown command "creat" (did you mean "create"?); see "dat token --help"',
      ],
    ] as const)
      expect(await dat(args)).toEqual({ code: 64, stdout: '', stderr: `dat: ${message}\n` });
    expect((await dat(['help', 'watch'])).stdout).toContain('dat watch [options]');
  });

  it('refuses wrong arguments with 64 and one line', async () => {
    for (const args of [
      ['watch'],
      ['nothing'],
      ['who', 'ä'],
      ['send', 'dev-1', '1', '--type', 'x'],
      ['simulate', '--devices', 'no'],
      ['simulate', '--devices', '1.5'],
      ['simulate', '--rate', '1e9'],
      ['simulate', '--devices', '10000', '--rate', '1000'],
      ['watch', 'dev-1', '--count', '0'],
      ['who', 'a', '--admin-url', 'x'],
      ['subscribers', '--search', 'two words'],
      ['subscribers', '--search', ''],
    ]) {
      const { code, stderr } = await dat(args);
      expect({ args, code }).toEqual({ args, code: 64 });
      expect(stderr).toMatch(/^dat: .+\n$/);
    }
    expect((await dat(['who', 'dev-1'], { DAT_ADMIN_PORT: 'abc' })).stderr).toBe(
      'dat: DAT_ADMIN_PORT="abc": expected the port that the hub listens on, 1 to 65535\n',
    );
  });

  it('says in one line that no hub answers, with 69', async () => {
    const env = { DAT_DEVICE_PORT: '1', DAT_SUBSCRIBER_PORT: '1', DAT_ADMIN_PORT: '1' };
    for (const args of [
      ['watch', 'dev-1'],
      ['send', 'dev-1', '1'],
      ['who', 'dev-1'],
      ['top'],
      ['simulate'],
    ]) {
      const { code, stdout, stderr } = await dat(args, env);
      expect({ args, code, stdout }).toEqual({ args, code: 69, stdout: '' });
      expect(stderr).toMatch(/^dat: no hub answers at .+\n$/);
    }
  });
});

describe('dat at the wrong listener', () => {
  const hub = useHub({});

  it('says so at once', async () => {
    const { devicePort, subscriberPort, adminPort } = hub.process;
    const wrong = [
      ['send', 'dev-1', '1', '--device-url', `ws://127.0.0.1:${subscriberPort}`],
      ['watch', 'dev-1', '--subscriber-url', `ws://127.0.0.1:${devicePort}`],
      ['simulate', '--device-url', `ws://127.0.0.1:${subscriberPort}`],
      ['who', 'dev-1', '--admin-url', `http://127.0.0.1:${devicePort}`],
      ['send', 'dev-1', '1', '--device-url', `ws://127.0.0.1:${adminPort}`],
    ];
    for (const args of wrong) {
      const { code, stderr } = await dat(args);
      expect({ args, code }).toEqual({ args, code: 69 });
      expect(stderr).toMatch(/dat: \S+ is not the (device|subscriber|admin) listener of a hub\n$/);
    }
  });

  it('finds the hub by a flag as by a variable', async () => {
    const url = `ws://127.0.0.1:${hub.process.devicePort}`;
    for (const [args, env] of [
      [['--device-url', url], {}],
      [[], portsOf(hub)],
    ] as const)
      expect(await dat(['send', 'dev-1', '1', ...args], env)).toMatchObject({ code: 0 });
  });
});
