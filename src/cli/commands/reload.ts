/** `dat reload`: makes a hub read its settings and certificates again. */
import { Admin } from '../admin.ts';
import { examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { jsonLine, line } from '../output.ts';

export const register: RegisterCommand = (dat) => {
  withHub(dat.command('reload').helpGroup(Group.operate), 'admin')
    .summary('read settings and certificates again')
    .description(
      'Make the hub read its config file, certificates, keys and secrets again. No connection is dropped. If ' +
        'something is wrong, nothing changes.',
    )
    .addOption(jsonOption())
    .addHelpText('after', examples('dat reload', "dat reload --json | jq -r '.needRestart[]'"))
    .action(reload);
};

interface Reloaded {
  readonly changed: readonly string[];
  readonly needRestart: readonly string[];
}

async function reload(options: HubOptions & JsonOption): Promise<void> {
  const answer = await new Admin(options).ask<Reloaded>('POST', '/v1/reload');
  if (options.json) {
    jsonLine(answer);
    return;
  }
  const { changed, needRestart } = answer;
  line(changed.length === 0 ? 'no setting has changed' : `changed: ${changed.join(', ')}`);
  if (needRestart.length > 0) line(`changed, but needs a restart: ${needRestart.join(', ')}`);
}
