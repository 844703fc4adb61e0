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
  const ending = new AbortController();
  const { end, bug } = endingOf(settings, logger, () => starting, ending);
  process.on('uncaughtException', (error) => bug(error, 'the main thread met a bug; draining'));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(signal));
  // Before the start: to a process that has not said otherwise, SIGHUP is the end.
  process.on('SIGHUP', () => void starting.then((hub) => hub.reload()).catch(() => {})); // the log says why
  const starting = startHub(
    settings,
    logger,
    (failure) => bug(failure, 'a thread of the hub ended; draining'),
    explainSettingsOfProcess,
    ending.signal,
  );
  let hub: Hub;
  try {
    hub = await starting;
  } catch (error) {
    if (ending.signal.aborted) process.exit(0);
    const expected =
      error instanceof ListenError ||
      error instanceof SnapshotRefused ||
      error instanceof KeyError ||
      isClusterRefused(error);
    process.stderr.write(`dat: ${expected ? error.message : `cannot start: ${String(error)}`}\n`);
    process.exit(exitCodeOf(error));
  }
  const { devicePort, subscriberPort, adminPort, mqttPort, transport, fanoutWorkers, ingestWorkers } = hub;
  logListening(logger, {
    devicePort,
    subscriberPort,
    adminPort,
    ...(mqttPort !== undefined && { mqttPort }),
    host: settings.host,
    transport,
    fanoutWorkers,
    ingestWorkers,
  });
  process.stdout.write(greeting(settings, hub));
}

/**
 * How the process ends: the hub is drained once, whoever asks, and the worst that happened decides the exit code.
 * @param hub the one to drain, as soon as it has started @param ending ends a start that waits
 */
function endingOf(settings: Settings, logger: Logger, hub: () => Promise<Hub>, ending: AbortController) {
  let isEnding = false;
  let metBug = false;
  const tooLate = (): never => {
    logger.fatal('the drain does not end; ending without it');
    process.exit(EXIT_SOFTWARE);
  };
  const drain = async (): Promise<void> => {
    isEnding = true;
    ending.abort(new Error('the process is ending'));
    // Also keeps the process here: an event loop that runs empty would end it with 0.
    let limit = setTimeout(tooLate, endMsMax(settings));
    const drained = await hub().then(
      (started) => {
        clearTimeout(limit);
        limit = setTimeout(tooLate, started.drainMsMax); // a reload may have changed it
        return started.drain();
      },
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
      if (isEnding) endBySignal(signal);
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

/**
 * Ends the process at once. `process.exit` would stop the threads first, and one that is stopped while it has sockets
 * aborts the process.
 */
function endBySignal(signal: NodeJS.Signals): never {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  process.exit(EXIT_SECOND_SIGNAL); // process 1 of a container survives its own signals
}

/** A snapshot or a key that cannot be used does not mend by starting again: the code is that of wrong settings. */
function exitCodeOf(error: unknown): number {
  if (error instanceof SnapshotRefused || error instanceof KeyError || isClusterRefused(error))
    return EXIT_CONFIG;
  return error instanceof ListenError ? EXIT_UNAVAILABLE : EXIT_SOFTWARE;
}

/** The class is loaded only where there is a cluster. */
function isClusterRefused(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ClusterRefused';
}

/** What a person at a terminal needs first. */
function greeting(
  settings: Settings,
  { devicePort, subscriberPort, adminPort, mqttPort, transport, fanoutWorkers, ingestWorkers }: Hub,
): string {
  const { host, tlsCertFile } = settings;
  const address = host.includes(':') ? `[${host}]` : host;
  const plural = (count: number, name: string): string => `${count} ${name}${count === 1 ? '' : 's'}`;
  const threads = [
    ...(ingestWorkers === 0 ? [] : [plural(ingestWorkers, 'ingest thread')]),
    fanoutWorkers === 0 ? 'subscribers on the main thread' : plural(fanoutWorkers, 'fan-out worker'),
  ].join(', ');
  const secure = tlsCertFile === '' ? '' : 's';
  const subscriber = `ws${secure}://${address}:${subscriberPort}/v1/subscribe`;
  const device = `ws${secure}://${address}:${devicePort}/v1/device`;
  const listening = [
    `devices      ${device}?id=ID`,
    `subscribers  ${subscriber}?devices=ID,ID`,
    ...(mqttPort === undefined
      ? []
      : [`MQTT         mqtt${secure}://${address}:${mqttPort}  (over WebSocket: /mqtt on the ports above)`]),
    `admin        http${secure}://${address}:${adminPort}/  (dashboard; metrics at /metrics)`,
    `mode         ${transport}; ${threads}`,
    '',
  ];
  // Who started the hub through npm may have no "dat" on the path; npx finds the one that npm started.
  const dat = (process.env['npm_lifecycle_event'] ?? '') === '' ? 'dat' : 'npx dat';
  if (isAuthenticated(settings))
    return [...listening, `peers need tokens: ${dat} token create --help`, ''].join('\n');
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
