/** `dat simulate`: a fleet of devices, for demos and trials. */
import type { Command } from 'commander';
import {
  countFrom,
  examples,
  Group,
  type JsonOption,
  jsonOption,
  numberFrom,
  type Register,
} from '../command.ts';
import { endpointOf, type HubOptions, withHub } from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { deviceUplink } from '../fleet/device-uplink.ts';
import { DEVICES_MAX, type FleetOptions, RATE_MAX, runFleet } from '../fleet/fleet.ts';

export const register: Register = (dat) => {
  withFleet(withHub(dat.command('simulate').helpGroup(Group.peer), 'device'))
    .summary('simulate a fleet of devices')
    .description('Simulate a fleet of devices with changing statuses, drop-outs and noise.')
    .addHelpText('after', examples('dat simulate --devices 200 --rate 5 --seconds 60'))
    .action(simulate);
};

/** Adds the options that say what a fleet is like. */
export function withFleet(command: Command): Command {
  return command
    .addOption(jsonOption())
    .option('--devices <count>', 'number of devices', countFrom(1, DEVICES_MAX), 20)
    .option('--rate <events>', 'events per second of each device', numberFrom(0, RATE_MAX), 1)
    .option('--seconds <seconds>', 'how long; 0 is until Ctrl-C', numberFrom(0), 0)
    .option('--seed <number>', 'the fleet is the same for the same seed', countFrom(0), 1)
    .option('--prefix <text>', 'start of the device ids', 'sim-');
}

type SimulateOptions = FleetOptions & HubOptions & JsonOption;

async function simulate(options: SimulateOptions): Promise<void> {
  const { url, token } = endpointOf('device', options);
  if (token !== '' && options.devices > 1)
    throw new CliFailure(
      Exit.usage,
      'a token is for one device; use --devices 1, or a hub without authentication',
    );
  await runFleet(options, (told) => deviceUplink({ url, token }, told));
}
