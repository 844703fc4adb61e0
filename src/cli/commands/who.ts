/** `dat who`: a device, and everybody who follows it. */
import type { DeviceEntry, RowEntry } from '../../admin/rows.ts';
import { Admin } from '../admin.ts';
import { examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { checkIds } from '../ids.ts';
import { jsonLine, line, printable, styled, table } from '../output.ts';
import { ago } from '../time.ts';

export const register: RegisterCommand = (dat) => {
  withHub(dat.command('who <device>').helpGroup(Group.look), 'admin')
    .description('list who follows a device')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples('dat who dev-1', 'DAT_ADMIN_TOKEN=… dat who dev-1 --admin-url https://hub.example:7402'),
    )
    .action(who);
};

async function who(device: string, options: HubOptions & JsonOption): Promise<void> {
  checkIds([device]);
  const admin = new Admin(options);
  const entry = await admin.ask<DeviceEntry>('GET', `/v1/devices/${device}`);
  const rows: RowEntry[] = [];
  for await (const row of admin.pages<RowEntry>(`/v1/devices/${device}/subscribers`, 'subscribers'))
    rows.push(row);
  if (options.json) {
    jsonLine({ ...entry, rows });
    return;
  }
  const status = entry.status === null ? '' : `, ${printable(entry.status)}`;
  const through = entry.gateway === undefined ? '' : `, through gateway ${entry.gateway}`;
  line(`${styled('bold', device)}  ${entry.state}${status}, ${entry.seq} events${through}`);
  if (rows.length === 0) line('nobody follows it');
  else
    line(
      table(
        ['SUBSCRIBER', 'STATUS', 'NOW', 'VIP', 'SEEN'],
        rows.map((row) => cellsOf(row, admin.now())),
      ),
    );
}

/** With an id that the hub generated they fit 80 columns. */
function cellsOf(row: RowEntry, now: number): string[] {
  const { subscriber, status, vip, lastSeen } = row;
  return [subscriber, status, nowOf(row), vip ? 'vip' : '', ago(lastSeen, now)];
}

/** Whether it is there, and what makes its subscription inactive; `away` says why itself. */
function nowOf({ reason, connected }: RowEntry): string {
  const isPaused = reason === 'paused';
  if (!connected) return isPaused ? 'away, paused' : 'away';
  return reason ?? 'connected';
}
