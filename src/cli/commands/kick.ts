/** `dat kick`: closes a subscriber's connection and removes its subscriptions. */
import { Admin } from '../admin.ts';
import { examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { checkIds } from '../ids.ts';
import { jsonLine, line } from '../output.ts';

export const register: RegisterCommand = (dat) => {
  withHub(dat.command('kick <subscriber>').helpGroup(Group.operate), 'admin')
    .summary('disconnect a subscriber and remove its subscriptions')
    .description(
      'Close the connection of a subscriber and remove its subscriptions. What operators set (allow, deny, vip) ' +
        'stays, unless --forget is given.',
    )
    .option('--forget', 'also forget what operators set for this subscriber')
    .addOption(jsonOption())
    .addHelpText('after', examples('dat kick dashboard-1', 'dat kick dashboard-1 --forget'))
    .action(kick);
};

interface KickOptions extends HubOptions, JsonOption {
  readonly forget?: boolean;
}

async function kick(subscriber: string, options: KickOptions): Promise<void> {
  checkIds([subscriber]);
  const query = options.forget ? '?forget=true' : '';
  const answer = await new Admin(options).ask('DELETE', `/v1/subscribers/${subscriber}${query}`);
  if (options.json) jsonLine(answer);
  else line(`${subscriber}: kicked`);
}
