/** `dat subscribers`: the subscribers of a hub. */
import type { SubscriberEntry } from '../../admin/subscribers.ts';
import { ID_ACCEPTED, isIdPrefix } from '../../wire/id.ts';
import { Admin } from '../admin.ts';
import { countFrom, examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { LISTED, printListing } from '../listing.ts';
import { ago } from '../time.ts';

export const register: RegisterCommand = (dat) => {
  withHub(dat.command('subscribers').helpGroup(Group.look), 'admin')
    .summary('list subscribers')
    .description(
      'List subscribers: where they connect from, how many devices they follow, how much waits to be sent to them.',
    )
    .addOption(jsonOption())
    .option('--search <text>', 'only subscribers with this text in their id')
    .option('--limit <subscribers>', 'list at most this many; 0 means all', countFrom(0), LISTED)
    .addHelpText('after', examples('dat subscribers', 'dat subscribers --search dashboard --json'))
    .action(subscribers);
};

interface SubscribersOptions extends HubOptions, JsonOption {
  readonly search?: string;
  readonly limit: number;
}

async function subscribers(options: SubscribersOptions): Promise<void> {
  const { search, limit, json = false } = options;
  if (search !== undefined && !isIdPrefix(search))
    throw new CliFailure(Exit.usage, `--search ${JSON.stringify(search)}: expected ${ID_ACCEPTED}`);
  const admin = new Admin(options);
  const query: Record<string, string> = search === undefined ? {} : { search };
  await printListing(admin.pages<SubscriberEntry>('/v1/subscribers', 'subscribers', query), {
    limit,
    json,
    none: 'no subscribers',
    head: ['SUBSCRIBER', 'NOW', 'ADDRESS', 'BY', 'ACTIVE', 'QUEUE', 'VIP', 'SEEN'],
    cellsOf: (entry) => [
      entry.subscriber,
      entry.connected ? 'connected' : 'away',
      entry.address ?? '',
      // WebSocket is the rule, and a row is to fit 80 columns.
      [entry.transport === 'websocket' ? '' : entry.transport, entry.encoding].filter(Boolean).join(' '),
      String(entry.subscriptions.active),
      entry.queueBytes === null ? '?' : `${Math.ceil(entry.queueBytes / 1024)} KiB`,
      entry.vip ? 'vip' : '',
      ago(entry.lastSeen, admin.now()),
    ],
  });
}
