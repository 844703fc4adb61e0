/** `dat allow`, `deny`, `pause`, `activate`, `vip`, `no-vip`: what holds between a device and a subscriber. */
import type { RowEntry } from '../../admin/rows.ts';
import { Admin } from '../admin.ts';
import { examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { checkIds } from '../ids.ts';
import { jsonLine, line } from '../output.ts';
import { describeStatus } from '../rows.ts';

const changes = [
  ['allow', 'allow a subscriber to follow a device', { status: 'allow' }],
  ['deny', 'deny a device to a subscriber; delivery stops at once', { status: 'deny' }],
  ['pause', "stop delivering a device's events to a subscriber", { status: 'inactive' }],
  ['activate', 'subscribe a subscriber to a device, or end its pause', { status: 'active' }],
  ['vip', 'give a subscriber priority in delivery', { vip: true }],
  ['no-vip', "remove a subscriber's priority in delivery", { vip: false }],
] as const;

type Change = (typeof changes)[number][2];

export const register: RegisterCommand = (dat) => {
  for (const [name, description, change] of changes) {
    withHub(dat.command(`${name} <device> <subscriber>`).helpGroup(Group.operate), 'admin')
      .description(description)
      .addOption(jsonOption())
      .addHelpText('after', examples(`dat ${name} dev-1 dashboard-1`))
      .action((device: string, subscriber: string, options) =>
        setRow({ device, subscriber }, change, options),
      );
  }
};

async function setRow(
  { device, subscriber }: { readonly device: string; readonly subscriber: string },
  change: Change,
  options: HubOptions & JsonOption,
): Promise<void> {
  checkIds([device, subscriber]);
  const path = `/v1/devices/${device}/subscribers/${subscriber}`;
  const row = await new Admin(options).ask<RowEntry>('PUT', path, change);
  if (options.json) {
    jsonLine({ device, ...row });
    return;
  }
  const marks = `${row.vip ? ', vip' : ''}${row.connected ? '' : ', not connected'}`;
  line(`${device} × ${subscriber}: ${describeStatus(row)}${marks}`);
}
