/** `dat context`: named hubs, so that commands need no addresses and tokens. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { type HubListener, parseUrl } from '../connection.ts';
import { type Context, Contexts, tokenIn } from '../contexts.ts';
import { CliFailure, Exit } from '../failure.ts';
import { jsonLine, line, styled, table } from '../output.ts';

export const register: RegisterCommand = (dat) => {
  const context = dat
    .command('context')
    .helpGroup(Group.setup)
    .summary('name hubs and select one')
    .description(
      'Give hubs names. A context holds the addresses of a hub and the paths of its token files. A command takes an ' +
        'address from its own flag, the context that --context names, the environment, or the selected context, ' +
        'whichever comes first.',
    )
    .addHelpText(
      'after',
      examples(
        'dat context add prod --admin-url https://hub.example --token-file prod.jwt',
        'dat context select prod',
        'dat top --context staging',
      ),
    );
  registerAdd(context);
  context
    .command('select [name]')
    .description('select the context for commands that name no hub; without a name, select none')
    .addHelpText('after', examples('dat context select prod', 'dat context select'))
    .action(select);
  context
    .command('ls')
    .description('list the contexts')
    .addOption(jsonOption())
    .addHelpText('after', examples('dat context ls'))
    .action(list);
  context
    .command('rm <name>')
    .description('remove a context; the token files stay')
    .addHelpText('after', examples('dat context rm staging'))
    .action(remove);
};

function registerAdd(context: Command): void {
  context
    .command('add <name>')
    .summary('add or replace a context')
    .description('Add a context, or replace the one with that name. The first context is selected at once.')
    .option('--device-url <url>', "the hub's device listener")
    .option('--subscriber-url <url>', "the hub's subscriber listener")
    .option('--admin-url <url>', "the hub's admin listener")
    .option('--token-file <path>', 'a file with a token, for all listeners')
    .option('--admin-token-file <path>', 'a file with another token, for the admin API')
    .option('--select', 'select it even if another context is selected')
    .addHelpText(
      'after',
      examples('dat context add prod --admin-url https://hub.example --token-file prod.jwt'),
    )
    .action(add);
}

interface AddOptions extends Context {
  readonly select?: boolean;
}

function add(name: string, { select: wanted = false, ...given }: AddOptions): void {
  const listeners: readonly HubListener[] = ['device', 'subscriber', 'admin'];
  for (const listener of listeners) {
    const url = given[`${listener}Url`];
    if (url !== undefined) parseUrl(url, listener, `--${listener}-url`);
  }
  if (listeners.every((listener) => given[`${listener}Url`] === undefined))
    throw new CliFailure(
      Exit.usage,
      'a context needs at least one of --device-url, --subscriber-url, --admin-url',
    );
  const files: { tokenFile?: string; adminTokenFile?: string } = {};
  for (const key of ['tokenFile', 'adminTokenFile'] as const) {
    const file = given[key];
    if (file === undefined) continue;
    tokenIn(file); // better now than when it is needed
    files[key] = resolve(file);
  }
  const contexts = new Contexts();
  const isFirst = contexts.names().length === 0;
  contexts.save(name, { ...given, ...files });
  if (wanted || isFirst) contexts.select(name);
  line(`added ${name}${wanted || isFirst ? ', selected' : ''}`);
}

function select(name = ''): void {
  new Contexts().select(name);
  line(name === '' ? 'no context is selected' : `selected ${name}`);
}

function list({ json }: JsonOption): void {
  const contexts = new Contexts();
  const selected = contexts.selected();
  const all = contexts.names().map((name) => ({ name, selected: name === selected, ...contexts.load(name) }));
  if (json) for (const one of all) jsonLine(one);
  else if (all.length === 0) line('no contexts; add one with "dat context add"');
  else
    line(
      table(
        ['', 'NAME', 'ADDRESS', 'TOKEN'],
        all.map((one) => [
          one.selected ? styled('green', '*') : ' ',
          one.name,
          one.adminUrl ?? one.subscriberUrl ?? one.deviceUrl ?? '',
          [...new Set([one.tokenFile, one.adminTokenFile])].filter(Boolean).join(', '),
        ]),
      ),
    );
}

function remove(name: string): void {
  new Contexts().remove(name);
  line(`removed ${name}`);
}
