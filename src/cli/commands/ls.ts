/** `dat ls`: the devices of a hub. */
import { Option } from 'commander';
import { matches } from '../../access/pattern.ts';
import type { DeviceEntry } from '../../admin/rows.ts';
import { Admin } from '../admin.ts';
import { countFrom, examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { checkFilters, prefixOf } from '../filter.ts';
import { LISTED, printListing } from '../listing.ts';
import { printable } from '../output.ts';
import { ago } from '../time.ts';

export const register: RegisterCommand = (dat) => {
  withHub(dat.command('ls [filter]').helpGroup(Group.look), 'admin')
    .summary('list devices')
    .description('List devices. A filter is an id, or a prefix followed by *.')
    .addOption(jsonOption())
    .addOption(
      new Option('--state <state>', 'only devices in this state').choices(['online', 'stale', 'offline']),
    )
    .option('--cluster', 'list the devices of all nodes of the cluster')
    .option('--limit <devices>', 'list at most this many; 0 means all', countFrom(0), LISTED)
    .addHelpText('after', examples('dat ls', "dat ls 'site-a.*' --state offline", 'dat ls --json --limit 0'))
    .action(ls);
};

interface LsOptions extends HubOptions, JsonOption {
  readonly state?: string;
  readonly cluster?: boolean;
  readonly limit: number;
}

async function ls(filter: string | undefined, options: LsOptions): Promise<void> {
  const { state, cluster = false, limit, json = false } = options;
  const wanted = filter ?? '*';
  checkFilters([wanted]);
  const search = prefixOf(wanted);
  const admin = new Admin(options);
  const entries = admin.pages<DeviceEntry>('/v1/devices', 'devices', {
    ...(search !== '' && { search }),
    ...(state !== undefined && { state }),
    ...(cluster && { scope: 'cluster' }),
  });
  await printListing(matching(entries, wanted), {
    limit,
    json,
    none: 'no devices',
    head: ['DEVICE', 'STATE', 'STATUS', 'SEEN', 'EVENTS', 'ACTIVE', ...(cluster ? ['NODE'] : [])],
    cellsOf: (entry) => [
      entry.device,
      entry.state,
      printable(entry.status ?? ''),
      ago(entry.lastSeen, admin.now()),
      String(entry.seq),
      String(entry.subscribers.active),
      ...(cluster ? [entry.node ?? ''] : []),
    ],
  });
}

/** The hub searches in the whole id; a filter is about its start. */
async function* matching(entries: AsyncIterable<DeviceEntry>, filter: string): AsyncGenerator<DeviceEntry> {
  for await (const entry of entries) if (matches(filter, entry.device)) yield entry;
}
