/** `dat watch`: follows devices and prints their events. */
import type { ConnectionState, Subscriber } from '../../client/index.ts';
import { errors as hubErrors, removals } from '../../codes.ts';
import { EVERY_MS_MAX, EVERY_MS_MIN, HISTORY_EVENTS_MAX } from '../../limits.ts';
import type { EventTypeName } from '../../wire/events.ts';
import { loadClient } from '../client.ts';
import { countFrom, examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { endpointOf, type HubOptions, withHub } from '../connection.ts';
import { eventJson, eventLine } from '../event-lines.ts';
import { typesFrom } from '../event-types.ts';
import { CliFailure, Exit } from '../failure.ts';
import { checkFilters } from '../filter.ts';
import { checkIds } from '../ids.ts';
import { interrupted } from '../interrupted.ts';
import { jsonLine, line, note, printable, styled } from '../output.ts';
import { type Attempt, closedFailure, notConnected } from '../peer-failure.ts';

export const register: RegisterCommand = (dat) => {
  withHub(dat.command('watch <device...>').helpGroup(Group.peer), 'subscriber')
    .summary('follow devices and print their events')
    .description(
      'Follow devices and print their events. A device is an id, or a filter: a prefix followed by *, which follows all ' +
        'matching devices, now and in future. Once connected, the command reconnects by itself. It ends when nothing ' +
        'is left to follow.',
    )
    .addOption(jsonOption())
    .option(
      '--types <types>',
      'only events of these types: message, status, pong; separated by commas',
      typesFrom,
    )
    .option(
      '--every <ms>',
      'interval in milliseconds: the newest message and pong of each device at most once per interval',
      countFrom(EVERY_MS_MIN, EVERY_MS_MAX),
    )
    .option('--last', 'begin with the newest message and status of each device')
    .option(
      '--history <events>',
      'begin with up to this many kept events of each device',
      countFrom(1, HISTORY_EVENTS_MAX),
    )
    .option('--id <id>', 'the id of this subscriber; a second connection with the same id replaces the first')
    .option('--count <events>', 'stop after this many events', countFrom(1))
    .addHelpText(
      'after',
      examples(
        'dat watch dev-1 dev-2',
        'dat watch dev-1 --json | jq .data',
        "dat watch 'site-a.*' --types status --last",
        "dat watch '*' --every 1000",
      ),
    )
    .action(watch);
};

interface WatchOptions extends HubOptions, JsonOption {
  readonly types?: readonly EventTypeName[];
  readonly every?: number;
  readonly last?: boolean;
  readonly history?: number;
  readonly id?: string;
  readonly count?: number;
}

async function watch(names: readonly string[], options: WatchOptions): Promise<void> {
  checkFilters(names);
  if (options.id !== undefined) checkIds([options.id]);
  const { url, token } = endpointOf('subscriber', options);
  const { WebSocket, connectSubscriber } = await loadClient();
  const { id, types, every, last, history } = options;
  const subscriber = connectSubscriber({
    url,
    devices: names,
    WebSocket,
    ...{ types, last, history },
    ...(every !== undefined && { every }),
    ...(id !== undefined && { id }),
    ...(token !== '' && { token }),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      interrupted().addEventListener('abort', () => resolve());
      const end: End = (failure) => (failure === undefined ? resolve() : reject(failure));
      printConnection(subscriber, { attempt: { url, listener: 'subscriber', token }, names, end });
      printEvents(subscriber, options, end);
      if (!options.json) printSnapshots(subscriber);
      printRemovals(subscriber, names, end);
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
    names,
    end,
  }: { readonly attempt: Attempt; readonly names: readonly string[]; readonly end: End },
): void {
  let isConnected = false;
  subscriber.on('state', (state: ConnectionState) => {
    if (state.state === 'connected') {
      note(
        isConnected
          ? `reconnected as ${state.id}`
          : `connected as ${state.id}, following ${names.join(', ')}`,
      );
      isConnected = true;
    } else if (state.state === 'waiting') {
      if (!isConnected) void notConnected(state.error, attempt).then(end);
      else note(`${state.error.message}; trying again in ${(state.retryInMs / 1000).toFixed(1)} s`);
    } else if (state.state === 'closed') {
      end(state.error && closedFailure(state.error));
    }
  });
  subscriber.on('error', ({ message }) => note(message));
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
  if (json) subscriber.on('subscribed', (answer) => jsonLine({ op: 'subscribed', ...answer }));
}

function printSnapshots(subscriber: Subscriber): void {
  subscriber.on('subscribed', ({ devices, filters, filter: page }) => {
    if (page !== undefined) return; // a filter may follow thousands
    for (const { filter, matched } of filters) line(styled('dim', `${filter}  ${matched} devices match`));
    for (const { device, state, deviceStatus, seq } of devices) {
      const status = deviceStatus ? `, ${printable(deviceStatus)}` : '';
      line(styled('dim', `${device}  ${state}${status}, ${seq} events so far`));
    }
  });
}

function printRemovals(subscriber: Subscriber, names: readonly string[], end: End): void {
  const followed = new Set(names);
  subscriber.on('removed', ({ devices, filters = [], code, reason }) => {
    note(`${[...devices, ...filters].join(', ')}: ${reason}`);
    if (code === removals.gone.code) return; // its filter stays
    for (const name of [...devices, ...filters]) followed.delete(name);
    const exit = code === hubErrors.denied.code ? Exit.denied : Exit.failed;
    if (followed.size === 0) end(new CliFailure(exit, 'nothing is left to follow'));
  });
}
