/** What an operator asks and changes: `who`, `allow`, `deny`, `pause`, `activate`, `vip`, `kick`, `terminate`. */
import { Admin } from '../admin.ts';
import type { UrlOptions } from '../connection.ts';
import { jsonLine, line, printable, styled, table } from '../output.ts';
import { checkIds } from './follow.ts';

export interface OperateOptions extends UrlOptions {
  readonly json?: boolean;
}

interface Row {
  readonly subscriber: string;
  readonly status: string;
  readonly reason: string | null;
  readonly lastSeen: number;
  readonly vip: boolean;
  readonly connected: boolean;
}

interface DeviceEntry {
  readonly device: string;
  readonly state: string;
  readonly status: string | null;
  readonly seq: number;
  readonly subscribers: Readonly<Record<string, number>>;
}

/** A device, and everybody who follows it. */
export async function who(device: string, options: OperateOptions): Promise<void> {
  checkIds([device]);
  const admin = new Admin(options);
  const entry = await admin.ask<DeviceEntry>('GET', `/v1/devices/${device}`);
  const rows: Row[] = [];
  for await (const row of admin.pages<Row>(`/v1/devices/${device}/subscribers`, 'subscribers'))
    rows.push(row);
  if (options.json) {
    jsonLine({ ...entry, rows });
    return;
  }
  const status = entry.status === null ? '' : `, ${printable(entry.status)}`;
  line(`${styled('bold', device)}  ${entry.state}${status}, ${entry.seq} events`);
  if (rows.length === 0) {
    line('nobody follows it');
    return;
  }
  const cells = rows.map(({ subscriber, status: of, reason, lastSeen, vip, connected }) => [
    subscriber,
    statusOf({ status: of, reason }),
    vip ? 'vip' : '',
    connected ? 'connected' : 'away',
    lastSeen === 0 ? 'never' : new Date(lastSeen).toISOString(),
  ]);
  line(table(['SUBSCRIBER', 'STATUS', 'VIP', 'NOW', 'LAST SEEN'], cells));
}

const statusOf = ({ status, reason }: Pick<Row, 'status' | 'reason'>): string =>
  reason === null ? status : `${status} (${reason})`;

export type Change =
  | { readonly status: 'allow' | 'deny' | 'active' | 'inactive' }
  | { readonly vip: boolean };

/** Sets what may be between a device and a subscriber. */
export async function setRow(
  device: string,
  subscriber: string,
  change: Change,
  options: OperateOptions,
): Promise<void> {
  checkIds([device, subscriber]);
  const row = await new Admin(options).ask<Row>(
    'PUT',
    `/v1/devices/${device}/subscribers/${subscriber}`,
    change,
  );
  if (options.json) jsonLine({ device, ...row });
  else
    line(
      `${device} × ${subscriber}: ${statusOf(row)}${row.vip ? ', vip' : ''}${row.connected ? '' : ', not connected'}`,
    );
}

/** Closes a subscriber's connection and removes its subscriptions. */
export async function kick(subscriber: string, options: OperateOptions): Promise<void> {
  checkIds([subscriber]);
  const answer = await new Admin(options).ask('DELETE', `/v1/subscribers/${subscriber}`);
  if (options.json) jsonLine(answer);
  else line(`${subscriber}: kicked`);
}

/** Closes a device's connection and removes every subscription to it. */
export async function terminate(device: string, options: OperateOptions): Promise<void> {
  checkIds([device]);
  const answer = await new Admin(options).ask('DELETE', `/v1/devices/${device}`);
  if (options.json) jsonLine(answer);
  else line(`${device}: terminated`);
}
