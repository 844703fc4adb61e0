/** `dat history`: the events of a device that the hub has kept. */
import { Admin } from '../admin.ts';
import { countFrom, examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { type EventView, eventLine } from '../event-lines.ts';
import { checkIds } from '../ids.ts';
import { jsonLine, line, note } from '../output.ts';

const SHOWN = 50;
const SHOWN_MAX = 1000;

export const register: RegisterCommand = (dat) => {
  withHub(dat.command('history <device>').helpGroup(Group.look), 'admin')
    .summary('show the last events of a device')
    .description('Show the events of a device that the hub has kept, the newest last.')
    .addOption(jsonOption())
    .option('--limit <events>', 'show at most this many', countFrom(1, SHOWN_MAX), SHOWN)
    .option('--before <number>', 'only events with a lower number', countFrom(1))
    .addHelpText('after', examples('dat history dev-1', 'dat history dev-1 --limit 10 --before 120 --json'))
    .action(history);
};

interface HistoryOptions extends HubOptions, JsonOption {
  readonly limit: number;
  readonly before?: number;
}

interface KeptEvents {
  /** The newest first. */
  readonly events: readonly KeptEvent[];
  readonly cursor?: string | number | null;
}

interface KeptEvent extends Omit<EventView, 'device'> {
  /** base64 of a payload that is not JSON. */
  readonly data64?: string;
}

async function history(device: string, options: HistoryOptions): Promise<void> {
  checkIds([device]);
  const { limit, before, json = false } = options;
  const query = new URLSearchParams({ limit: String(limit) });
  if (before !== undefined) query.set('before', String(before));
  const path = `/v1/devices/${device}/events?${query}`;
  const { events, cursor = null } = await new Admin(options).ask<KeptEvents>('GET', path);
  for (const event of events.toReversed()) {
    if (json) jsonLine({ device, ...event });
    else line(eventLine(readable(device, event)));
  }
  const oldest = events.at(-1);
  if (json) return;
  if (oldest === undefined) line('no events are kept');
  else if (cursor !== null) note(`older events: dat history ${device} --before ${oldest.seq}`);
}

function readable(device: string, { data64, ...event }: KeptEvent): EventView {
  const bytes = data64 === undefined ? {} : { bytes: Buffer.from(data64, 'base64') };
  return { ...event, device, ...bytes };
}
