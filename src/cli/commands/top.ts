/** `dat top`: what the hub does now, second by second, from the stream that the dashboard reads. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveFigures } from '../../admin/live-schemas.ts';
import { Admin } from '../admin.ts';
import { examples, Group, type JsonOption, jsonOption, type Register } from '../command.ts';
import { type UrlOptions, withUrl } from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { jsonLine, line, note, printable, styled, table } from '../output.ts';

export const register: Register = (dat) => {
  withUrl(dat.command('top').helpGroup(Group.look), 'admin')
    .summary('show what the hub is doing')
    .description('Show what the hub is doing: rates, latency, threads, busiest devices, slow subscribers.')
    .addOption(jsonOption())
    .option('--once', 'print it once and exit')
    .addHelpText('after', examples('dat top', 'dat top --once --json | jq .latency'))
    .action(top);
};

interface TopOptions extends UrlOptions, JsonOption {
  /** Ends after the first full figures. */
  readonly once?: boolean;
}

const SLOW_SHOWN = 8;
const RETRY_MS = 1000;
const CLEAR = '\u001b[H\u001b[2J';

async function top(options: TopOptions): Promise<void> {
  const admin = new Admin(options);
  const leaving = new AbortController();
  process.once('SIGINT', () => leaving.abort()).once('SIGTERM', () => leaving.abort());
  const isScreen = process.stdout.isTTY === true && !options.json && !options.once;
  let hasShown = false;
  const show = async (): Promise<void> => {
    const answer = await admin.fetch('/v1/live', { signal: leaving.signal });
    for await (const figures of figuresOf(answer)) {
      if (figures.rates === null) continue; // the first has nothing to compare with
      if (options.json) jsonLine(figures);
      else line((isScreen ? CLEAR : '') + screen(figures));
      hasShown = true;
      if (options.once) leaving.abort();
    }
  };
  while (!leaving.signal.aborted) {
    try {
      await show();
      if (!leaving.signal.aborted) note('the hub ended the stream');
    } catch (error) {
      if (leaving.signal.aborted) return;
      if (!hasShown || (error instanceof CliFailure && error.exit !== Exit.unavailable)) throw error;
      note(error instanceof CliFailure ? error.message : 'the stream was cut off');
    }
    await sleep(RETRY_MS, undefined, { signal: leaving.signal }).catch(() => {});
  }
}

/** The events named `figures` of the stream. */
async function* figuresOf(answer: Response): AsyncGenerator<LiveFigures> {
  let text = '';
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const messages = text.split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages) {
      const fields = message.split('\n');
      const data = fields.filter((field) => field.startsWith('data:')).map((field) => field.slice(5));
      if (fields.some((field) => field.trim() === 'event: figures'))
        yield JSON.parse(data.join('\n')) as LiveFigures;
    }
  }
}

const number = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1);
const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`;
const milliseconds = (seconds: number | null): string =>
  seconds === null ? '–' : `${(seconds * 1e3).toFixed(2)} ms`;

function screen(figures: LiveFigures): string {
  const {
    rates,
    latency,
    connections,
    devices,
    subscriptions,
    process: own,
    threads,
    rings,
    busiest,
    slow,
    notReady,
  } = figures;
  const received = rates === null ? 0 : rates.received.pong + rates.received.message + rates.received.status;
  const dropped = Object.values(rates?.dropped ?? {}).reduce((sum, value) => sum + value, 0);
  const parts = [
    `${styled('bold', 'dat top')}  ${figures.version}, ${figures.transport}, ${notReady === null ? styled('green', 'ready') : styled('red', notReady)}`,
    `events/s ${number(received)}   skipped/s ${number(rates?.skipped ?? 0)}   deliveries/s ${number(rates?.deliveries ?? 0)}   dropped/s ${number(dropped)}`,
    `latency p50 ${milliseconds(latency.p50Seconds)}   p90 ${milliseconds(latency.p90Seconds)}   p99 ${milliseconds(latency.p99Seconds)}`,
    `connections ${connections.device} devices, ${connections.subscriber} subscribers   devices ${devices.online} online, ${devices.stale} stale, ${devices.offline} offline`,
    `subscriptions ${subscriptions.active} active, ${subscriptions.inactive} inactive, ${subscriptions.deny} denied   memory ${Math.round(own.residentBytes / 1024 ** 2)} MiB   CPU ${own.cpuRatio === null ? '–' : percent(own.cpuRatio)}`,
    '',
    table(
      ['THREAD', 'LAG', 'SOCKETS', 'WORK/S'],
      threads.map(
        ({
          thread,
          loopLagSeconds,
          connections: sockets,
          receivedPerSecond,
          recordsPerSecond,
          deliveriesPerSecond,
        }) => [
          thread,
          milliseconds(loopLagSeconds),
          String(sockets),
          number(deliveriesPerSecond ?? receivedPerSecond ?? recordsPerSecond ?? 0),
        ],
      ),
    ),
    '',
    `rings ${rings.map(({ ring, usedRatio }) => `${ring} ${percent(usedRatio)}`).join('   ')}`,
  ];
  if (busiest.length > 0) {
    parts.push(
      '',
      table(
        ['BUSIEST DEVICE', 'EVENTS/S'],
        busiest.map(({ device, perSecond }) => [printable(device), number(perSecond)]),
      ),
    );
  }
  if (slow.length > 0) {
    const cells = slow
      .slice(0, SLOW_SHOWN)
      .map(({ subscriber, queuedBytes, laggingMs }) => [
        subscriber,
        `${Math.round(queuedBytes / 1024)} KiB`,
        `${(laggingMs / 1000).toFixed(1)} s`,
      ]);
    parts.push('', table(['SLOW SUBSCRIBER', 'WAITING', 'FOR'], cells));
  }
  return parts.join('\n');
}
