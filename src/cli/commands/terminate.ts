/** `dat terminate`: removes a device. */
import { Admin } from '../admin.ts';
import { examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { checkIds } from '../ids.ts';
import { jsonLine, line } from '../output.ts';

export const register: RegisterCommand = (dat) => {
  withHub(dat.command('terminate <device>').helpGroup(Group.operate), 'admin')
    .summary('disconnect a device and remove it')
    .description(
      'Close the connection of a device and remove it with all its rows, denials included. To keep somebody out, ' +
        'deny the pair afterwards.',
    )
    .addOption(jsonOption())
    .addHelpText('after', examples('dat terminate dev-1'))
    .action(terminate);
};

async function terminate(device: string, options: HubOptions & JsonOption): Promise<void> {
  checkIds([device]);
  const answer = await new Admin(options).ask('DELETE', `/v1/devices/${device}`);
  if (options.json) jsonLine(answer);
  else line(`${device}: terminated`);
}
