/** `dat send`: publishes events as a device. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { STATUS_CHARACTERS_MAX } from '../../wire/device-frames.ts';
import {
  countFrom,
  examples,
  Group,
  type JsonOption,
  jsonOption,
  numberFrom,
  type RegisterCommand,
} from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { checkIds } from '../ids.ts';
import { interrupted } from '../interrupted.ts';
import { jsonLine, line, note } from '../output.ts';
import {
  type CliPublisher,
  devicePublisher,
  type EventShape,
  operatorPublisher,
  type Published,
} from '../publisher.ts';
import { checkJson, linesOf, repeated } from '../texts.ts';

const STDIN = '-';

export const register: RegisterCommand = (dat) => {
  withHub(dat.command('send <device> [json]').helpGroup(Group.peer), 'device', 'admin')
    .summary('publish events as a device')
    .description(
      'Publish an event as a device, and wait until the hub has it. Without JSON, the event has no data. With - in its ' +
        'place, each line of stdin is published as an event. A connected device with this id is replaced and does not ' +
        'come back, unless --operator is given.',
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
    .option('--every <ms>', 'publish every this many milliseconds, until Ctrl-C or --count', numberFrom(1))
    .option('--count <events>', 'stop after this many events', countFrom(1))
    .addHelpText(
      'after',
      examples(
        `dat send dev-1 '{"temperature":21.5}'`,
        'dat send dev-1 --status charging',
        `dat send dev-1 '"reboot?"' --priority high --operator`,
        `dat send dev-1 '{"alive":true}' --every 5000`,
        'dat send dev-1 - --every 100 < recorded.ndjson',
      ),
    )
    .action(send);
};

interface SendOptions extends HubOptions, JsonOption {
  readonly type?: EventShape['type'];
  readonly status?: string;
  readonly priority?: NonNullable<EventShape['priority']>;
  readonly operator?: boolean;
  readonly every?: number;
  readonly count?: number;
}

async function send(id: string, json: string | undefined, options: SendOptions): Promise<void> {
  checkIds([id]);
  const event = shapeOf(options);
  const isStdin = json === STDIN;
  const text = json === undefined || isStdin ? 'null' : checkJson(json);
  const count = options.count ?? (isStdin || options.every !== undefined ? Number.POSITIVE_INFINITY : 1);
  const texts = isStdin ? linesOf(process.stdin, count, interrupted()) : repeated(text, count);
  const publisher = options.operator
    ? operatorPublisher(id, event, options)
    : await devicePublisher(id, event, options);
  const print = ({ seq, skipped }: Published): void => {
    if (options.json) jsonLine({ device: id, seq, skipped });
    else line(skipped ? `skipped: nobody follows ${id}` : `sent as ${id}, number ${seq}`);
  };
  try {
    // Lines are somebody's data: one that may be lost ends the command. A repeated event is sent anew.
    const isRepeated = !isStdin && count > 1;
    await publishAll(publisher, texts, { every: options.every ?? 0, isRepeated, print });
  } finally {
    await publisher.close();
    if (isStdin) process.stdin.destroy(); // what is left unread
  }
}

interface Sending {
  /** ms between two events, 0 for none. */
  readonly every: number;
  /** Goes on when the hub is away for a while. */
  readonly isRepeated: boolean;
  print(published: Published): void;
}

async function publishAll(
  publisher: CliPublisher,
  texts: Iterable<string> | AsyncIterable<string>,
  { every, isRepeated, print }: Sending,
): Promise<void> {
  const stop = interrupted();
  const startedAtMs = performance.now();
  let sent = 0;
  let hasSent = false;
  for await (const text of texts) {
    const waitMs = startedAtMs + sent * every - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) return;
    sent += 1;
    try {
      print(await publisher.publish(text));
      hasSent = true;
    } catch (error) {
      const isPassing = error instanceof CliFailure && error.exit === Exit.unavailable;
      if (!isRepeated || !hasSent || !isPassing) throw error;
      note(`not confirmed: ${error.message}`);
    }
  }
}

/** @throws CliFailure when the options contradict each other */
function shapeOf({ status, type, priority }: SendOptions): EventShape {
  const wanted = type ?? (status === undefined ? 'message' : 'status');
  if ((wanted === 'status') !== (status !== undefined))
    throw new CliFailure(
      Exit.usage,
      '--type status needs --status TEXT, and --status allows no other --type',
    );
  const length = Array.from(status ?? 'x').length;
  if (length < 1 || length > STATUS_CHARACTERS_MAX)
    throw new CliFailure(
      Exit.usage,
      `--status has ${length} characters; expected 1 to ${STATUS_CHARACTERS_MAX}`,
    );
  return {
    type: wanted,
    ...(status !== undefined && { status }),
    ...(priority !== undefined && { priority }),
  };
}
