/** `dat gateway`: a simulated fleet behind one gateway. */
import { examples, Group, type JsonOption, type RegisterCommand } from '../command.ts';
import { endpointOf, type HubOptions, withHub } from '../connection.ts';
import { type FleetOptions, runFleet } from '../fleet/fleet.ts';
import { gatewayUplink } from '../fleet/gateway-uplink.ts';
import { checkIds } from '../ids.ts';
import { withFleet } from './simulate.ts';

export const register: RegisterCommand = (dat) => {
  withFleet(withHub(dat.command('gateway').helpGroup(Group.peer), 'device'))
    .summary('simulate a fleet behind one gateway')
    .description(
      'Simulate a fleet of devices like "dat simulate", but behind a gateway: one connection for all of them.',
    )
    .option('--id <id>', 'the id of the gateway', 'gateway-1')
    .addHelpText('after', examples('dat gateway --devices 200 --rate 5 --seconds 60'))
    .action(gateway);
};

interface GatewayOptions extends FleetOptions, HubOptions, JsonOption {
  readonly id: string;
}

async function gateway(options: GatewayOptions): Promise<void> {
  checkIds([options.id]);
  const { url, token } = endpointOf('device', options);
  await runFleet(options, (told) => gatewayUplink({ url, token, id: options.id }, told));
}
