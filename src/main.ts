#!/usr/bin/env node
/** The process: reads the settings, runs the hub until it is told to end, and says how it ended. */
import { isAuthenticated, KeyError } from './access/keys.ts';
import { type Hub, startHub } from './hub.ts';
import { createLogger, logListening } from './logging.ts';
import { endWithNpm } from './npm-shell.ts';
import { EXIT_CONFIG, loadSettingsFromProcess, type Settings } from './settings.ts';
import { SnapshotRefused } from './snapshot/files.ts';
import { ListenError } from './transport/transport.ts';

/** EX_SOFTWARE of sysexits.h: a thread of the hub died. */
const EXIT_SOFTWARE = 70;
/** EX_UNAVAILABLE: the hub could not start, for a port in use or the like. */
const EXIT_UNAVAILABLE = 69;
const EXIT_SECOND_SIGNAL = 130;

/** EX_IOERR: what was asked for (help, version) could not be written. */
const EXIT_OUTPUT = 74;

// Nobody reads what the hub says at its start, or the disk is full: that does not stop a hub.
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') return;
  process.stderr.write(`dat: cannot write the output: ${message}\n`);
  process.exitCode = EXIT_OUTPUT; // of a process that ends by itself
});
process.stderr.on('error', () => {});

const loaded = loadSettingsFromProcess();
if (!loaded.ok) {
  for (const problem of loaded.problems) process.stderr.write(`dat: ${problem}\n`);
  process.exit(EXIT_CONFIG);
} else if (loaded.settings === undefined) {
  process.stdout.write(loaded.text);
} else {
  await serve(loaded.settings);
}

async function serve(settings: Settings): Promise<void> {
  const logger = createLogger(settings);
  let hub: Hub | undefined;
  let ending = false;
  const end = async (code: number): Promise<void> => {
    ending = true;
    await hub?.drain();
    process.exit(code);
  };
  const failed = (failure: Error): void => {
    logger.fatal({ err: failure }, 'a thread of the hub ended; draining');
    if (!ending) void end(EXIT_SOFTWARE);
  };
  process.on('uncaughtException', (bug) => {
    logger.fatal({ err: bug }, 'the main thread met a bug; draining');
    if (!ending) void end(EXIT_SOFTWARE);
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (ending) process.exit(EXIT_SECOND_SIGNAL);
      logger.info({ signal }, 'draining');
      void end(0);
    });
  }
  endWithNpm();
  try {
    hub = await startHub(settings, logger, failed);
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
