/** `dat watch` and `dat send`: a subscriber and a device at the command line. */
import { WebSocket } from 'ws';
import {
  type ConnectionState,
  connectDevice,
  connectSubscriber,
  type DeviceEvent,
  TunnelError,
} from '../../client/index.ts';
import { isId } from '../../protocol/id.ts';
import { noHub, peerToken, type UrlOptions, urlOf } from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { jsonLine, line, note, printable, styled } from '../output.ts';

const ID_ACCEPTED = '1 to 128 of A-Z a-z 0-9 . _ : ~ -';

/** @throws CliFailure when one is no id */
export function checkIds(ids: readonly string[]): void {
  for (const id of ids) {
    if (!isId(id))
      throw new CliFailure(Exit.usage, `${JSON.stringify(id)} is no id; accepted: ${ID_ACCEPTED}`);
  }
}

/** Why a connection cannot be made, if that will not mend by waiting. */
export function lasting(error: TunnelError, url: URL): CliFailure | undefined {
  const status = /\b(401|403)\b/.exec(error.message)?.[0];
  if (status === '401')
    return new CliFailure(Exit.denied, 'the hub wants a token, or does not accept this one: set DAT_TOKEN');
  if (status === '403')
    return new CliFailure(Exit.denied, 'the token is for another id or role; see: dat token inspect');
  return /ECONNREFUSED|ENOTFOUND|EHOSTUNREACH/.test(error.message) ? noHub(url) : undefined;
}

export function closedFailure(error: TunnelError): CliFailure {
  const exit = error.hubCode === 4001 || error.hubCode === 4003 ? Exit.denied : Exit.failed;
  return new CliFailure(exit, `the hub ended the connection: ${error.message}`);
}

export interface WatchOptions extends UrlOptions {
  readonly json?: boolean;
  readonly id?: string;
  /** Ends after so many events. */
  readonly count?: number;
}

/** Prints events until it is ended; comes back by itself once it was connected. */
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
      const failure = isConnected ? undefined : lasting(state.error, url);
      if (failure !== undefined) fail(failure);
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
    for (const { device, message } of errors) note(`${device}: ${message}`);
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
  subscriber.on('removed', ({ devices: gone, reason }) => note(`${gone.join(', ')}: removed, ${reason}`));
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
  readonly type: 'message' | 'status' | 'pong';
  readonly status?: string;
  readonly priority?: 'low' | 'normal' | 'high';
}

/** Sends one event as a device, and waits until the hub has it. */
export async function send(id: string, text: string | undefined, options: SendOptions): Promise<void> {
  checkIds([id]);
  const data = text === undefined ? null : parseData(text);
  if (options.type === 'status' && options.status === undefined)
    throw new CliFailure(Exit.usage, '--type status needs --status TEXT');
  const url = urlOf('device', options);
  const token = peerToken();
  const device = connectDevice({ url, id, WebSocket, ...(token !== '' && { token }) });
  const how = { ack: true, ...(options.priority !== undefined && { priority: options.priority }) } as const;
  let fail = (_: unknown): void => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  device.on('state', (state) => {
    if (state.state === 'waiting') {
      const failure = lasting(state.error, url);
      if (failure !== undefined) fail(failure);
    } else if (state.state === 'closed' && state.error !== undefined) fail(closedFailure(state.error));
  });
  try {
    const sent =
      options.type === 'status'
        ? device.status(options.status ?? '', { ...how, data })
        : options.type === 'pong'
          ? device.pong(data, how)
          : device.message(data, how);
    const { seq, skipped } = await Promise.race([sent, failed]);
    if (options.json) jsonLine({ device: id, seq, skipped });
    else line(skipped ? `nobody follows ${id}: skipped` : `sent as ${id}, number ${seq}`);
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
