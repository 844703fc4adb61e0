#!/usr/bin/env node
/** The process: reads the settings, runs the hub until it is told to end, and says how it ended. */
import type { Logger } from 'pino';
import { isAuthenticated } from './access/keys.ts';
import { type Hub, startHub } from './hub.ts';
import { KeyError } from './key-error.ts';
import { createLogger, logListening } from './logging.ts';
import { endWithNpm } from './npm-shell.ts';
import { EXIT_CONFIG, explainSettingsOfProcess, loadSettingsFromProcess, type Settings } from './settings.ts';
import { SnapshotRefused } from './snapshot/files.ts';
import { endMsMax } from './supervise/end.ts';
import { ListenError } from './transport/transport.ts';

/** EX_SOFTWARE of sysexits.h: a thread of the hub died. */
const EXIT_SOFTWARE = 70;
/** EX_UNAVAILABLE: the hub could not start, for a port in use or the like. */
const EXIT_UNAVAILABLE = 69;
const EXIT_SECOND_SIGNAL = 130;

/** EX_IOERR: drained, but the last snapshot could not be written; or the text that was asked for could not be. */
const EXIT_UNWRITTEN = 74;

// Whoever reads what a person at a terminal needs may stop reading; the hub goes on.
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') return;
  process.stderr.write(`dat: cannot write the output: ${message}\n`);
  process.exitCode = EXIT_UNWRITTEN; // of a process that ends by itself: help or version
});
process.stderr.on('error', () => {});

const loaded = loadSettingsFromProcess();
if (!loaded.ok) {
  for (const problem of loaded.problems) process.stderr.write(`dat: ${problem}\n`);
  process.exit(EXIT_CONFIG);
} else if (loaded.settings === undefined) {
  process.stdout.write(loaded.text);
} else {
  await serve(loaded.settings, loaded.warnings);
}

async function serve(settings: Settings, warnings: readonly string[]): Promise<void> {
  const logger = createLogger(settings);
  for (const warning of warnings) logger.warn(warning);
  endWithNpm(process.env);
  const { end, bug } = endingOf(settings, logger, () => starting);
  process.on('uncaughtException', (error) => bug(error, 'the main thread met a bug; draining'));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(signal));
  // Before the start: to a process that has not said otherwise, SIGHUP is the end.
  process.on('SIGHUP', () => void starting.then((hub) => hub.reload()).catch(() => {})); // the log says why
  const starting = startHub(
    settings,
    logger,
    (failure) => bug(failure, 'a thread of the hub ended; draining'),
    explainSettingsOfProcess,
  );
  let hub: Hub;
  try {
    hub = await starting;
  } catch (error) {
    const expected =
      error instanceof ListenError || error instanceof SnapshotRefused || error instanceof KeyError;
    process.stderr.write(`dat: ${expected ? error.message : `cannot start: ${String(error)}`}\n`);
    process.exit(exitCodeOf(error));
  }
  const { devicePort, subscriberPort, adminPort, transport, fanoutWorkers } = hub;
  logListening(logger, {
    devicePort,
    subscriberPort,
    adminPort,
    host: settings.host,
    transport,
    fanoutWorkers,
  });
  process.stdout.write(greeting(settings, hub));
}

/**
 * How the process ends: the hub is drained once, whoever asks, and the worst that happened decides the exit code.
 * @param hub the one to drain, as soon as it has started
 */
function endingOf(settings: Settings, logger: Logger, hub: () => Promise<Hub>) {
  let isEnding = false;
  let metBug = false;
  const drain = async (): Promise<void> => {
    isEnding = true;
    // Also keeps the process here: an event loop that runs empty would end it with 0.
    setTimeout(() => {
      logger.fatal('the drain does not end; ending without it');
      process.exit(EXIT_SOFTWARE);
    }, endMsMax(settings));
    const drained = await hub().then(
      (started) => started.drain(),
      () => undefined, // the start has failed, and says so itself
    );
    for (const failure of drained?.failures ?? []) {
      metBug = true;
      logger.error({ err: failure }, 'a step of the drain failed');
    }
    if (metBug) process.exit(EXIT_SOFTWARE);
    process.exit(drained?.isSnapshotLost === true ? EXIT_UNWRITTEN : 0);
  };
  return {
    end(signal: NodeJS.Signals): void {
      if (isEnding) process.exit(EXIT_SECOND_SIGNAL);
      logger.info({ signal }, 'draining');
      void drain();
    },
    bug(failure: Error, message: string): void {
      metBug = true;
      logger.fatal({ err: failure }, message);
      if (!isEnding) void drain();
    },
  };
}

/** A snapshot or a key that cannot be used does not mend by starting again: the code is that of wrong settings. */
function exitCodeOf(error: unknown): number {
  if (error instanceof SnapshotRefused || error instanceof KeyError) return EXIT_CONFIG;
  return error instanceof ListenError ? EXIT_UNAVAILABLE : EXIT_SOFTWARE;
}

/** What a person at a terminal needs first. */
function greeting(
  settings: Settings,
  { devicePort, subscriberPort, adminPort, transport, fanoutWorkers }: Hub,
): string {
  const { host, tlsCertFile } = settings;
  const address = host.includes(':') ? `[${host}]` : host;
  const threads =
    fanoutWorkers === 0
      ? 'subscribers on the main thread'
      : `${fanoutWorkers} fan-out ${fanoutWorkers === 1 ? 'worker' : 'workers'}`;
  const secure = tlsCertFile === '' ? '' : 's';
  const subscriber = `ws${secure}://${address}:${subscriberPort}/v1/subscribe`;
  const device = `ws${secure}://${address}:${devicePort}/v1/device`;
  const listening = [
    `devices      ${device}?id=ID`,
    `subscribers  ${subscriber}?devices=ID,ID`,
    `admin        http${secure}://${address}:${adminPort}/  (dashboard; metrics at /metrics)`,
    `mode         ${transport}; ${threads}`,
    '',
  ];
  if (isAuthenticated(settings))
    return [...listening, 'peers need tokens: dat token create --help', ''].join('\n');
  // Which name the certificate is for, and whether this host trusts it, is not known here.
  if (secure !== '') return listening.join('\n');
  const script = [
    `const s=new W('${subscriber}?devices=dev-1')`,
    `s.on('message',m=>{console.log(String(m));if(String(m).includes('"subscribed"'))new W('${device}?id=dev-1').on('open',function(){this.send('{"type":"message","data":{"hello":"world"}}')})})`,
  ].join(';');
  return [
    ...listening,
    'see an event arrive (paste in another terminal, in this folder; Ctrl-C ends it):',
    `  node -e "const W=require('ws');${script.replaceAll('"', '\\"')}"`,
    '',
  ].join('\n');
}
