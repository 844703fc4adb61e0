/** `dat send`: publishes events as a device. */
import { Option } from 'commander';
import { STATUS_CHARACTERS_MAX } from '../../protocol/device-frames.ts';
import { Admin } from '../admin.ts';
import { loadClient } from '../client.ts';
import { examples, Group, type JsonOption, jsonOption, type Register } from '../command.ts';
import { endpointOf, type HubOptions, withHub } from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { checkIds } from '../ids.ts';
import { jsonLine, line } from '../output.ts';
import { closedFailure, notConnected } from '../peer-failure.ts';

export const register: Register = (dat) => {
  withHub(dat.command('send <device> [json]').helpGroup(Group.peer), 'device', 'admin')
    .summary('publish an event as a device')
    .description(
      'Publish an event as a device, and wait until the hub has it. A connected device with this id is replaced ' +
        'and does not come back, unless --operator is given.',
    )
    .addOption(jsonOption())
    .addOption(
      new Option('--type <type>', 'default: status with --status, else message').choices([
        'message',
        'status',
        'pong',
      ]),
    )
    .option('--status <text>', `the device's status, 1 to ${STATUS_CHARACTERS_MAX} characters`)
    .option('--operator', 'publish through the admin API; a connected device stays connected')
    .addOption(new Option('--priority <priority>', 'default: by type').choices(['low', 'normal', 'high']))
    .addHelpText(
      'after',
      examples(
        `dat send dev-1 '{"temperature":21.5}'`,
        'dat send dev-1 --status charging',
        `dat send dev-1 '"reboot?"' --priority high --operator`,
      ),
    )
    .action(send);
};

interface SendOptions extends HubOptions, JsonOption {
  readonly type?: OneEvent['type'];
  readonly status?: string;
  readonly priority?: NonNullable<OneEvent['priority']>;
  readonly operator?: boolean;
}

interface OneEvent {
  readonly type: 'message' | 'status' | 'pong';
  readonly data: unknown;
  readonly status?: string;
  readonly priority?: 'low' | 'normal' | 'high';
}

interface Sent {
  readonly seq: number;
  readonly skipped?: boolean;
}

async function send(id: string, text: string | undefined, options: SendOptions): Promise<void> {
  checkIds([id]);
  const event = eventOf(text, options);
  const { seq, skipped = false } = options.operator
    ? await new Admin(options).ask<Sent>('POST', `/v1/devices/${id}/events`, event)
    : await sendAsDevice(id, event, options);
  if (options.json) jsonLine({ device: id, seq, skipped });
  else line(skipped ? `skipped: nobody follows ${id}` : `sent as ${id}, number ${seq}`);
}

/** @throws CliFailure when the options contradict each other, or the text is not JSON */
function eventOf(text: string | undefined, { status, type, priority }: SendOptions): OneEvent {
  const data = text === undefined ? null : parseData(text);
  const wanted = type ?? (status === undefined ? 'message' : 'status');
  if ((wanted === 'status') !== (status !== undefined))
    throw new CliFailure(Exit.usage, '--type status needs --status TEXT, and --status needs no other --type');
  const length = Array.from(status ?? 'x').length;
  if (length < 1 || length > STATUS_CHARACTERS_MAX)
    throw new CliFailure(
      Exit.usage,
      `--status has ${length} characters; expected 1 to ${STATUS_CHARACTERS_MAX}`,
    );
  return {
    type: wanted,
    data,
    ...(status !== undefined && { status }),
    ...(priority !== undefined && { priority }),
  };
}

async function sendAsDevice(
  id: string,
  { type, data, status = '', ...priority }: OneEvent,
  options: HubOptions,
): Promise<Sent> {
  const { url, token } = endpointOf('device', options);
  const { WebSocket, connectDevice, TunnelError } = await loadClient();
  const device = connectDevice({ url, id, WebSocket, ...(token !== '' && { token }) });
  const how = { ack: true, ...priority } as const;
  let said = '';
  device.on('error', (error) => {
    said = error.message;
  });
  const failed = new Promise<never>((_, reject) => {
    device.on('state', (state) => {
      if (state.state === 'waiting')
        void notConnected(state.error, { url, listener: 'device', token }).then(reject);
      else if (state.state === 'closed' && state.error !== undefined)
        reject(closedFailure(state.error, said));
    });
  });
  try {
    const sent =
      type === 'status'
        ? device.status(status, { ...how, data })
        : type === 'pong'
          ? device.pong(data, how)
          : device.message(data, how);
    return await Promise.race([sent, failed]);
  } catch (error) {
    if (error instanceof TunnelError) throw new CliFailure(Exit.failed, error.message);
    throw error;
  } finally {
    await device.close();
  }
}

function parseData(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    const message = `not JSON: ${text.slice(0, 60)}; a text needs quotes: '"${text.slice(0, 20)}"'`;
    throw new CliFailure(Exit.usage, message);
  }
}
