/** `dat demo`: a hub and a fleet on loopback, with the dashboard. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { countFrom, examples, Group, numberFrom, type Register } from '../command.ts';
import { CliFailure, Exit } from '../failure.ts';
import { deviceUplink } from '../fleet/device-uplink.ts';
import { DEVICES_MAX, RATE_MAX, runFleet } from '../fleet/fleet.ts';
import { line, note } from '../output.ts';

export const register: Register = (dat) => {
  dat
    .command('demo')
    .helpGroup(Group.hub)
    .description('run a hub, a fleet and the dashboard on loopback')
    .option('--devices <count>', 'number of devices', countFrom(1, DEVICES_MAX), 50)
    .option('--rate <events>', 'events per second of each device', numberFrom(0, RATE_MAX), 2)
    .option('--seconds <seconds>', 'how long; 0 is until Ctrl-C', numberFrom(0), 0)
    .addHelpText('after', examples('dat demo', 'DAT_ADMIN_PORT=0 dat demo --devices 500 --rate 5'))
    .action(demo);
};

/** From `dist/src/cli/commands/`. */
const MAIN = fileURLToPath(new URL('../../main.js', import.meta.url));

interface DemoOptions {
  readonly devices: number;
  readonly rate: number;
  readonly seconds: number;
}

/** Settings of the environment that a demo obeys. It is open, on loopback, and leaves nothing behind. */
const DEMO_VARIABLES: readonly string[] = [
  'DAT_DEVICE_PORT',
  'DAT_SUBSCRIBER_PORT',
  'DAT_ADMIN_PORT',
  'DAT_FANOUT_WORKERS',
  'DAT_TRANSPORT',
];

async function demo(options: DemoOptions): Promise<void> {
  const own = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('DAT_') || DEMO_VARIABLES.includes(name),
  );
  const env = { ...Object.fromEntries(own), DAT_DEVICE_RATE: '0', DAT_LOG_LEVEL: 'warn' };
  const hub = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => hub.once('exit', (code) => resolve(code)));
  const ports = await new Promise<{ devicePort: number; subscriberPort: number; adminPort: number }>(
    (resolve, reject) => {
      createInterface(hub.stderr).on('line', (text) => {
        if (text.includes('"listening"')) resolve(JSON.parse(text));
        else note(text);
      });
      void ended.then((code) =>
        reject(
          new CliFailure(
            Exit.unavailable,
            `the hub ended with ${code}; other ports: ${DEMO_VARIABLES.slice(0, 3).join(', ')} (0: any)`,
          ),
        ),
      );
    },
  );
  line(`dashboard    http://127.0.0.1:${ports.adminPort}/`);
  line(`follow one   dat watch demo-001 --subscriber-url ws://127.0.0.1:${ports.subscriberPort}`);
  line('stop         Ctrl-C');
  try {
    const url = new URL(`ws://127.0.0.1:${ports.devicePort}`);
    const fleet = { ...options, seed: 1, prefix: 'demo-' };
    await runFleet(fleet, (told) => deviceUplink({ url, token: '' }, told));
  } finally {
    hub.kill('SIGTERM');
    await ended;
  }
}
