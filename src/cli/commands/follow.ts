/** `dat watch` and `dat send`: a subscriber and a device at the command line. */
import { WebSocket } from 'ws';
import {
  type ConnectionState,
  connectDevice,
  connectSubscriber,
  type DeviceEvent,
  TunnelError,
} from '../../client/index.ts';
import { closes, errors as hubErrors } from '../../codes.ts';
import { STATUS_CHARACTERS_MAX } from '../../wire/device-frames.ts';
import { ID_ACCEPTED, isId } from '../../wire/id.ts';
import { Admin } from '../admin.ts';
import {
  type Listener,
  noHub,
  notTheHub,
  peerToken,
  type UrlOptions,
  untrusted,
  urlOf,
} from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { jsonLine, line, note, printable, styled } from '../output.ts';

/** @throws CliFailure when one is no id */
export function checkIds(ids: readonly string[]): void {
  for (const id of ids) {
    if (!isId(id))
      throw new CliFailure(Exit.usage, `${JSON.stringify(id)} is no id; accepted: ${ID_ACCEPTED}`);
  }
}

/** Why a connection cannot be made, if that will not mend by waiting. */
export function lasting({ message }: TunnelError, url: URL, listener: Listener): CliFailure | undefined {
  switch (/server response: (\d{3})/.exec(message)?.[1]) {
    case '401':
      return new CliFailure(Exit.denied, 'the hub wants a token, or does not accept this one: set DAT_TOKEN');
    case '403':
      return new CliFailure(Exit.denied, 'the token is for another id or role; see: dat token inspect');
    case '400':
    case '404':
    case '426':
    case '200':
      return notTheHub(url, listener);
  }
  if (/ECONNREFUSED|ENOTFOUND|EHOSTUNREACH/.test(message)) return noHub(url);
  return /certificate|CERT_|SSL|EPROTO/.test(message) ? untrusted(url, message) : undefined;
}

/** The first connection of a command that needs one failed. */
function notConnected(error: TunnelError, url: URL, listener: Listener): CliFailure {
  const isPlain = url.protocol === 'ws:' && error.message.includes('socket hang up');
  const hint = isPlain ? '; a hub with TLS wants wss://' : '';
  const failure = new CliFailure(Exit.unavailable, `no connection: ${error.message}${hint}`);
  return lasting(error, url, listener) ?? failure;
}

/** @param said what the hub said before, '' for nothing */
function closedFailure(error: TunnelError, said = ''): CliFailure {
  const exit = error.hubCode === closes.badToken.code || error.hubCode === closes.denied.code;
  const why = said === '' ? error.message : `${error.message}: ${said}`;
  return new CliFailure(exit ? Exit.denied : Exit.failed, `the hub ended the connection: ${why}`);
}

export interface WatchOptions extends UrlOptions {
  readonly json?: boolean;
  readonly id?: string;
  /** Ends after so many events. */
  readonly count?: number;
}

/** Prints events until it is ended or nothing is left to follow; comes back by itself once it was connected. */
export async function watch(devices: readonly string[], options: WatchOptions): Promise<void> {
  checkIds(options.id === undefined ? devices : [options.id, ...devices]);
  const url = urlOf('subscriber', options);
  const token = peerToken();
  const subscriber = connectSubscriber({
    url,
    devices,
    WebSocket,
    ...(options.id !== undefined && { id: options.id }),
    ...(token !== '' && { token }),
  });
  let isConnected = false;
  let events = 0;
  let finish = (): void => {};
  let fail = (_: unknown): void => {};
  const ended = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  const onInterrupt = (): void => finish();
  process.once('SIGINT', onInterrupt).once('SIGTERM', onInterrupt);
  subscriber.on('state', (state: ConnectionState) => {
    if (state.state === 'connected') {
      note(isConnected ? `back as ${state.id}` : `connected as ${state.id}, following ${devices.join(', ')}`);
      isConnected = true;
    } else if (state.state === 'waiting') {
      if (!isConnected) fail(notConnected(state.error, url, 'subscriber'));
      else note(`${state.error.message}; again in ${(state.retryInMs / 1000).toFixed(1)} s`);
    } else if (state.state === 'closed') {
      if (state.error === undefined) finish();
      else fail(closedFailure(state.error));
    }
  });
  subscriber.on('event', (event) => {
    if (options.json) jsonLine({ op: 'event', ...withBytes(event) });
    else line(readable(event));
    events += 1;
    if (events === options.count) finish();
  });
  subscriber.on('gap', (gap) => {
    if (options.json) jsonLine({ op: 'gap', ...gap });
    else line(styled('yellow', `${gap.device}  ${gap.from} to ${gap.to} will not come (${gap.reason})`));
  });
  subscriber.on('subscribed', ({ devices: snapshots, errors }) => {
    if (options.json) jsonLine({ op: 'subscribed', devices: snapshots, errors });
    else
      for (const { device, state, deviceStatus, seq } of snapshots)
        line(
          styled(
            'dim',
            `${device}  ${state}${deviceStatus ? `, ${printable(deviceStatus)}` : ''}, ${seq} events so far`,
          ),
        );
  });
  const followed = new Set(devices);
  subscriber.on('removed', ({ devices: gone, code, reason }) => {
    note(`${gone.join(', ')}: ${reason}`);
    for (const device of gone) followed.delete(device);
    const exit = code === hubErrors.denied.code ? Exit.denied : Exit.failed;
    if (followed.size === 0) fail(new CliFailure(exit, 'nothing is left to follow'));
  });
  try {
    await ended;
  } finally {
    await subscriber.close();
  }
}

/** Bytes as base64, since JSON has none. */
function withBytes({ bytes, ...event }: DeviceEvent): object {
  return bytes === undefined ? event : { ...event, data64: Buffer.from(bytes).toString('base64') };
}

function readable({ device, type, source, seq, at, priority, status, data, bytes }: DeviceEvent): string {
  const time = new Date(at).toISOString().slice(11, 23);
  const body = bytes === undefined ? JSON.stringify(data) : `${bytes.length} bytes`;
  const said = status === undefined ? '' : ` ${styled('green', printable(status))}`;
  const marks = [
    source === 'hub' ? 'hub' : '',
    priority === 'high' && type !== 'status' ? 'high' : '',
  ].filter(Boolean);
  const mark = marks.length === 0 ? '' : ` ${styled('yellow', marks.join(' '))}`;
  return `${styled('dim', time)} ${styled('cyan', device)} ${seq} ${type}${mark}${said} ${printable(body ?? '')}`;
}

export interface SendOptions extends UrlOptions {
  readonly json?: boolean;
  /** Default: a status where one is given, else a message. */
  readonly type?: 'message' | 'status' | 'pong';
  readonly status?: string;
  readonly priority?: 'low' | 'normal' | 'high';
  /** Publishes through the admin API: a device of this id that is connected stays so. */
  readonly operator?: boolean;
}

interface Sent {
  readonly seq: number;
  readonly skipped?: boolean;
}

/** Sends one event as a device, and waits until the hub has it. */
export async function send(id: string, text: string | undefined, options: SendOptions): Promise<void> {
  checkIds([id]);
  const data = text === undefined ? null : parseData(text);
  const { status, type = status === undefined ? 'message' : 'status', priority } = options;
  if ((type === 'status') !== (status !== undefined))
    throw new CliFailure(Exit.usage, '--type status and --status TEXT go together');
  const length = Array.from(status ?? 'x').length;
  if (length < 1 || length > STATUS_CHARACTERS_MAX)
    throw new CliFailure(
      Exit.usage,
      `--status: ${length} characters, accepted are 1 to ${STATUS_CHARACTERS_MAX}`,
    );
  const event = {
    type,
    data,
    ...(status !== undefined && { status }),
    ...(priority !== undefined && { priority }),
  };
  const { seq, skipped = false } = options.operator
    ? await new Admin(options).ask<Sent>('POST', `/v1/devices/${id}/events`, event)
    : await sendAsDevice(id, event, options);
  if (options.json) jsonLine({ device: id, seq, skipped });
  else line(skipped ? `nobody follows ${id}: skipped` : `sent as ${id}, number ${seq}`);
}

interface OneEvent {
  readonly type: 'message' | 'status' | 'pong';
  readonly data: unknown;
  readonly status?: string;
  readonly priority?: 'low' | 'normal' | 'high';
}

async function sendAsDevice(
  id: string,
  { type, data, status = '', ...priority }: OneEvent,
  options: UrlOptions,
): Promise<Sent> {
  const url = urlOf('device', options);
  const token = peerToken();
  const device = connectDevice({ url, id, WebSocket, ...(token !== '' && { token }) });
  const how = { ack: true, ...priority } as const;
  let fail = (_: unknown): void => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  let said = '';
  device.on('error', (error) => {
    said = error.message;
  });
  device.on('state', (state) => {
    if (state.state === 'waiting') fail(notConnected(state.error, url, 'device'));
    else if (state.state === 'closed' && state.error !== undefined) fail(closedFailure(state.error, said));
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
    throw new CliFailure(
      Exit.usage,
      `the data is no JSON: ${text.slice(0, 60)}; a text needs quotes: '"${text.slice(0, 20)}"'`,
    );
  }
}
