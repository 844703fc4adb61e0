/** `dat demo`: a hub, a fleet and subscribers on loopback, with the dashboard. */
import { countFrom, examples, Group, numberFrom, type Register } from '../command.ts';
import { openAudience } from '../demo/audience.ts';
import { startDemoHub } from '../demo/hub.ts';
import { demoPorts } from '../demo/ports.ts';
import { deviceUplink } from '../fleet/device-uplink.ts';
import { checkFleet, DEVICES_MAX, fleetIds, RATE_MAX, runFleet } from '../fleet/fleet.ts';
import { interrupted } from '../interrupted.ts';
import { line, note } from '../output.ts';

const SUBSCRIBERS_MAX = 1000;

export const register: Register = (dat) => {
  dat
    .command('demo')
    .helpGroup(Group.hub)
    .summary('run a hub with devices and subscribers, to look at')
    .description(
      'Run a hub, a fleet of devices and subscribers that follow it, all on loopback, and print the address of the ' +
        'dashboard. Where the default ports are in use, the hub takes free ones.',
    )
    .option('--devices <count>', 'number of devices', countFrom(1, DEVICES_MAX), 50)
    .option('--rate <events>', 'events per second of each device, on average', numberFrom(0, RATE_MAX), 2)
    .option('--subscribers <count>', 'number of subscribers', countFrom(0, SUBSCRIBERS_MAX), 12)
    .option('--seconds <seconds>', 'how long; 0 is until Ctrl-C', numberFrom(0), 0)
    .addHelpText('after', examples('dat demo', 'DAT_ADMIN_PORT=8080 dat demo --devices 500 --rate 5'))
    .action(demo);
};

interface DemoOptions {
  readonly devices: number;
  readonly rate: number;
  readonly subscribers: number;
  readonly seconds: number;
}

async function demo(options: DemoOptions): Promise<void> {
  const fleet = { ...options, seed: 1, prefix: 'demo-', varied: true };
  checkFleet(fleet);
  const { env, taken } = await demoPorts(process.env);
  if (taken.length > 0)
    note(`in use, perhaps by another hub: port ${taken.join(', ')}; the demo takes free ports instead`);
  const stop = interrupted(); // from here on the hub must not be left behind
  const hub = await startDemoHub(env);
  const deviceUrl = new URL(`ws://127.0.0.1:${hub.devicePort}`);
  const subscriberUrl = new URL(`ws://127.0.0.1:${hub.subscriberPort}`);
  line(`dashboard     http://127.0.0.1:${hub.adminPort}/`);
  line(`devices       ${options.devices}, ${options.subscribers} subscribers follow them`);
  line(`follow one    dat watch demo-001 --subscriber-url ${subscriberUrl.origin}`);
  line(`in a terminal dat top --admin-url http://127.0.0.1:${hub.adminPort}`);
  line('stop          Ctrl-C');
  try {
    if (stop.aborted) return;
    const audience = await openAudience(subscriberUrl, fleetIds(fleet), options.subscribers);
    await runFleet(fleet, (told) => deviceUplink({ url: deviceUrl, token: '' }, told));
    await audience.close();
  } finally {
    await hub.stop();
  }
}
