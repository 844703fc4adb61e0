/** `dat demo`: hubs, a fleet and subscribers on loopback, with the dashboard. */
import { countFrom, examples, Group, numberFrom, type RegisterCommand } from '../command.ts';
import { environment } from '../connection.ts';
import { openAudience } from '../demo/audience.ts';
import type { DemoHub } from '../demo/hub.ts';
import { DEMO_NODES_MAX, nodeId, startDemoHubs } from '../demo/hubs.ts';
import { demoPorts } from '../demo/ports.ts';
import { spread } from '../demo/spread.ts';
import { deviceUplink } from '../fleet/device-uplink.ts';
import { checkFleet, DEVICES_MAX, fleetIds, RATE_MAX, runFleet } from '../fleet/fleet.ts';
import { interrupted } from '../interrupted.ts';
import { line, note } from '../output.ts';

const SUBSCRIBERS_MAX = 1000;

export const register: RegisterCommand = (dat) => {
  dat
    .command('demo')
    .helpGroup(Group.hub)
    .summary('run a hub with simulated devices and subscribers')
    .description(
      'Run a hub, a fleet of devices and subscribers that follow it, all on loopback, and print the address of the ' +
        'dashboard. If the default ports are in use, the hub takes free ones. With --nodes, several hubs run as one ' +
        'cluster around a nats-server of their own: the one in PATH or /usr/sbin. Devices and subscribers are spread ' +
        'over the hubs. Everything that the demo starts ends with it.',
    )
    .option('--devices <count>', 'number of devices', countFrom(1, DEVICES_MAX), 50)
    .option('--rate <events>', 'events per second of each device, on average', numberFrom(0, RATE_MAX), 2)
    .option('--subscribers <count>', 'number of subscribers', countFrom(0, SUBSCRIBERS_MAX), 12)
    .option(
      '--nodes <count>',
      'number of hubs; more than one needs nats-server',
      countFrom(1, DEMO_NODES_MAX),
      1,
    )
    .option('--seconds <seconds>', 'how long to run; 0 means until Ctrl-C', numberFrom(0), 0)
    .addHelpText(
      'after',
      examples('dat demo', 'dat demo --nodes 3', 'DAT_ADMIN_PORT=8080 dat demo --devices 500 --rate 5'),
    )
    .action(demo);
};

interface DemoOptions {
  readonly devices: number;
  readonly rate: number;
  readonly subscribers: number;
  readonly nodes: number;
  readonly seconds: number;
}

async function demo(options: DemoOptions): Promise<void> {
  const fleet = { ...options, seed: 1, prefix: 'demo-', varied: true };
  checkFleet(fleet);
  const { env, taken } = await demoPorts(process.env);
  if (taken.length > 0)
    note(`in use, perhaps by another hub: port ${taken.join(', ')}; the demo takes free ports instead`);
  const stop = interrupted(); // from here on the hubs must not be left behind
  const { hubs, stop: stopHubs } = await startDemoHubs(env, options.nodes);
  tell(options, hubs);
  try {
    if (stop.aborted) return;
    const subscriberUrls = hubs.map(({ subscriberPort }) => loopback(subscriberPort));
    const audience = await openAudience(subscriberUrls, fleetIds(fleet), options.subscribers);
    await runFleet(fleet, async (told) => {
      const opened = hubs.map(({ devicePort }) =>
        deviceUplink({ url: loopback(devicePort), token: '' }, told),
      );
      return spread(await Promise.all(opened));
    });
    await audience.close();
  } finally {
    await stopHubs();
  }
}

const loopback = (port: number): URL => new URL(`ws://127.0.0.1:${port}`);

/** What there is, and where to look at it. */
function tell({ devices, subscribers }: DemoOptions, hubs: readonly DemoHub[]): void {
  const [{ adminPort, subscriberPort }] = hubs as [DemoHub];
  // Who started the demo through npm may have no "dat" on the path; npx finds the one that npm started.
  const dat = environment('npm_lifecycle_event') === '' ? 'dat' : 'npx dat';
  line(`dashboard     http://127.0.0.1:${adminPort}/`);
  if (hubs.length > 1) {
    for (const [n, hub] of hubs.entries())
      line(`hub ${nodeId(n).padEnd(10)}http://127.0.0.1:${hub.adminPort}/, process ${hub.pid}`);
    line(`nodes         ${dat} cluster --admin-url http://127.0.0.1:${adminPort}`);
  }
  line(`devices       ${devices}, ${subscribers} subscribers follow them`);
  line(`follow one    ${dat} watch demo-001 --subscriber-url ${loopback(subscriberPort).origin}`);
  line(`in a terminal ${dat} top --admin-url http://127.0.0.1:${adminPort}`);
  line('stop          Ctrl-C');
}
