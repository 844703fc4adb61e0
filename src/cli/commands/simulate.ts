/** `dat simulate`: a fleet of devices, for demos and trials. */
import type { Command } from 'commander';
import {
  countFrom,
  examples,
  Group,
  type JsonOption,
  jsonOption,
  numberFrom,
  type RegisterCommand,
} from '../command.ts';
import { endpointOf, type HubOptions, withHub } from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { deviceUplink } from '../fleet/device-uplink.ts';
import { DEVICES_MAX, type FleetOptions, RATE_MAX, runFleet } from '../fleet/fleet.ts';
import { mqttUplink, mqttUrlOf } from '../fleet/mqtt-uplink.ts';

export const register: RegisterCommand = (dat) => {
  withFleet(withHub(dat.command('simulate').helpGroup(Group.peer), 'device'))
    .summary('simulate a fleet of devices')
    .description('Simulate a fleet of devices with changing statuses, drop-outs and noise.')
    .option(
      '--mqtt [url]',
      'connect over MQTT to this address; without one, over WebSocket to the device listener',
    )
    .addHelpText(
      'after',
      examples(
        'dat simulate --devices 200 --rate 5 --seconds 60',
        'dat simulate --mqtt mqtt://127.0.0.1:1883 --devices 50',
      ),
    )
    .action(simulate);
};

/** Adds the options that say what a fleet is like. */
export function withFleet(command: Command): Command {
  return command
    .addOption(jsonOption())
    .option('--devices <count>', 'number of devices', countFrom(1, DEVICES_MAX), 20)
    .option('--rate <events>', 'events per second of each device', numberFrom(0, RATE_MAX), 1)
    .option('--seconds <seconds>', 'how long to run; 0 means until Ctrl-C', numberFrom(0), 0)
    .option('--seed <number>', 'the same seed gives the same fleet', countFrom(0), 1)
    .option('--prefix <text>', 'start of the device ids', 'sim-');
}

interface SimulateOptions extends FleetOptions, HubOptions, JsonOption {
  /** true: over WebSocket to the device listener. */
  readonly mqtt?: string | true;
}

async function simulate(options: SimulateOptions): Promise<void> {
  const { url, token } = endpointOf('device', options);
  if (token !== '' && options.devices > 1)
    throw new CliFailure(
      Exit.usage,
      'a token is for one device; use --devices 1, or "dat gateway" with the token of a gateway',
    );
  const { mqtt } = options;
  if (mqtt === undefined) await runFleet(options, (told) => deviceUplink({ url, token }, told));
  else {
    const address = mqttUrlOf(mqtt, url);
    await runFleet(options, (told) => mqttUplink({ url: address, token }, told));
  }
}
