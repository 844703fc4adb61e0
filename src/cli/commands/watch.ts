/** `dat watch`: follows devices and prints their events. */
import type { ConnectionState, Subscriber } from '../../client/index.ts';
import { errors as hubErrors } from '../../codes.ts';
import { loadClient } from '../client.ts';
import { countFrom, examples, Group, type JsonOption, jsonOption, type Register } from '../command.ts';
import { endpointOf, type HubOptions, withHub } from '../connection.ts';
import { eventJson, eventLine } from '../event-lines.ts';
import { CliFailure, Exit } from '../failure.ts';
import { checkIds } from '../ids.ts';
import { interrupted } from '../interrupted.ts';
import { jsonLine, line, note, printable, styled } from '../output.ts';
import { type Attempt, closedFailure, notConnected } from '../peer-failure.ts';

export const register: Register = (dat) => {
  withHub(dat.command('watch <device...>').helpGroup(Group.peer), 'subscriber')
    .summary('follow devices and print their events')
    .description(
      'Follow devices and print their events. Once connected, it reconnects by itself; it ends when nothing is ' +
        'left to follow.',
    )
    .addOption(jsonOption())
    .option('--id <id>', 'the id of this subscriber; a second connection with the same id replaces the first')
    .option('--count <events>', 'stop after this many events', countFrom(1))
    .addHelpText('after', examples('dat watch dev-1 dev-2', 'dat watch dev-1 --json | jq .data'))
    .action(watch);
};

interface WatchOptions extends HubOptions, JsonOption {
  readonly id?: string;
  readonly count?: number;
}

async function watch(devices: readonly string[], options: WatchOptions): Promise<void> {
  checkIds(options.id === undefined ? devices : [options.id, ...devices]);
  const { url, token } = endpointOf('subscriber', options);
  const { WebSocket, connectSubscriber } = await loadClient();
  const subscriber = connectSubscriber({
    url,
    devices,
    WebSocket,
    ...(options.id !== undefined && { id: options.id }),
    ...(token !== '' && { token }),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      interrupted().addEventListener('abort', () => resolve());
      const end: End = (failure) => (failure === undefined ? resolve() : reject(failure));
      printConnection(subscriber, { attempt: { url, listener: 'subscriber', token }, devices, end });
      printEvents(subscriber, options, end);
      printRemovals(subscriber, devices, end);
    });
  } finally {
    await subscriber.close();
  }
}

/** Ends the command, with a failure or without. */
type End = (failure?: CliFailure) => void;

function printConnection(
  subscriber: Subscriber,
  {
    attempt,
    devices,
    end,
  }: { readonly attempt: Attempt; readonly devices: readonly string[]; readonly end: End },
): void {
  let isConnected = false;
  subscriber.on('state', (state: ConnectionState) => {
    if (state.state === 'connected') {
      note(
        isConnected
          ? `reconnected as ${state.id}`
          : `connected as ${state.id}, following ${devices.join(', ')}`,
      );
      isConnected = true;
    } else if (state.state === 'waiting') {
      if (!isConnected) void notConnected(state.error, attempt).then(end);
      else note(`${state.error.message}; trying again in ${(state.retryInMs / 1000).toFixed(1)} s`);
    } else if (state.state === 'closed') {
      end(state.error && closedFailure(state.error));
    }
  });
}

function printEvents(subscriber: Subscriber, { json, count }: WatchOptions, end: End): void {
  let events = 0;
  subscriber.on('event', (event) => {
    if (events === count) return; // more came in one read
    if (json) jsonLine({ op: 'event', ...eventJson(event) });
    else line(eventLine(event));
    events += 1;
    if (events === count) end();
  });
  subscriber.on('gap', (gap) => {
    if (json) jsonLine({ op: 'gap', ...gap });
    else line(styled('yellow', `${gap.device}  events ${gap.from} to ${gap.to} are missing (${gap.reason})`));
  });
  subscriber.on('subscribed', ({ devices, errors }) => {
    if (json) {
      jsonLine({ op: 'subscribed', devices, errors });
      return;
    }
    for (const { device, state, deviceStatus, seq } of devices) {
      const status = deviceStatus ? `, ${printable(deviceStatus)}` : '';
      line(styled('dim', `${device}  ${state}${status}, ${seq} events so far`));
    }
  });
}

function printRemovals(subscriber: Subscriber, devices: readonly string[], end: End): void {
  const followed = new Set(devices);
  subscriber.on('removed', ({ devices: gone, code, reason }) => {
    note(`${gone.join(', ')}: ${reason}`);
    for (const device of gone) followed.delete(device);
    const exit = code === hubErrors.denied.code ? Exit.denied : Exit.failed;
    if (followed.size === 0) end(new CliFailure(exit, 'nothing is left to follow'));
  });
}
