/** `dat bench`: puts a load on a running hub, and measures what comes out. */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { type GivenTokens, givenTokens, type TokenOptions } from '../bench/given-tokens.ts';
import { findKnee, type Knee } from '../bench/knee.ts';
import { EVENT_BYTES, type Load } from '../bench/load.ts';
import type { LoadTarget, Signer } from '../bench/messages.ts';
import { checkOptions } from '../bench/option-checks.ts';
import type { Outcome } from '../bench/outcome.ts';
import { ProgressLine } from '../bench/progress.ts';
import { changeLines, grouped, kneeLines, outcomeLines } from '../bench/report-text.ts';
import { compare, isSameLoad, type Result, readResult, resultOf } from '../bench/result.ts';
import { LoadRun } from '../bench/run.ts';
import { STAMPED_DEVICES_MAX } from '../bench/stamp.ts';
import { missed, type Thresholds } from '../bench/thresholds.ts';
import type { MqttWireName } from '../bench/wires/mqtt.ts';
import type { WebSocketWireName } from '../bench/wires/websocket.ts';
import {
  countFrom,
  examples,
  Group,
  type JsonOption,
  jsonOption,
  numberFrom,
  type RegisterCommand,
} from '../command.ts';
import { endpointOf, type HubEndpoint, type HubOptions, withHub } from '../connection.ts';
import { refusedWith } from '../explaining-socket.ts';
import { CliFailure, Exit } from '../failure.ts';
import { interrupted } from '../interrupted.ts';
import { jsonLine, line } from '../output.ts';
import { lasting } from '../peer-failure.ts';
import { signingKey } from '../signing.ts';

const SECONDS_MAX = 24 * 3600;
const PROCESSES_MAX = 64;
const SUBSCRIBERS_MAX = 1_000_000;
const RATE_MAX = 1_000_000;
/** A stamp and the braces around it; the largest frame that the generator writes. */
const BYTES_MIN = 64;
const BYTES_MAX = 65_000;
/** Of `--find-knee`, where no threshold is given. */
const KNEE_P99_MS = 20;

export const register: RegisterCommand = (dat) => {
  const command = withHub(dat.command('bench').helpGroup(Group.setup), 'device', 'subscriber')
    .summary('measure a running hub under load')
    .description(
      'Connect devices and subscribers to a running hub, let the devices send at a fixed rate whether or not the hub ' +
        'keeps up, and measure latency from the time each event was due. Every event is checked: lost, repeated and ' +
        'reordered ones are counted. Exits with 1 when a threshold is missed.',
    )
    .option('--devices <count>', 'number of devices', countFrom(1, STAMPED_DEVICES_MAX), 100)
    .option('--rate <events>', 'events per second of each device', numberFrom(0.001, RATE_MAX), 10)
    .option('--subscribers <count>', 'number of subscribers', countFrom(0, SUBSCRIBERS_MAX), 20)
    .option('--follow <devices>', 'devices that each subscriber follows, at most all', countFrom(1), 10)
    .option('--duration <seconds>', 'how long to measure', numberFrom(1, SECONDS_MAX), 10)
    .option('--warmup <seconds>', 'how long to send before that', numberFrom(0, SECONDS_MAX), 3)
    .option('--bytes <bytes>', 'size of the data of an event', countFrom(BYTES_MIN, BYTES_MAX), EVENT_BYTES);
  withMore(command).addHelpText(
    'after',
    examples(
      'dat bench',
      'dat bench --devices 1000 --rate 20 --subscribers 200 --html bench.html',
      'dat bench --find-knee --max-p99 10 --processes 2',
      'dat bench --json > before.json; dat bench --compare before.json',
    ),
  );
  command.action(bench);
};

function withMore(command: Command): Command {
  return command
    .option(
      '--processes <count>',
      'processes for devices, and as many for subscribers',
      countFrom(1, PROCESSES_MAX),
      1,
    )
    .option('--binary', 'subscribers ask for the binary encoding')
    .option('--batch', 'subscribers ask for batches')
    .option('--mqtt', 'speak MQTT 3.1.1 with QoS 0, over WebSocket')
    .option('--mqtt-url <url>', 'the same over TCP, to this address: mqtt://HOST:PORT or mqtts://HOST:PORT')
    .option(
      '--key-file <path>',
      'a private key that signs a token for each peer; default: the secret in DAT_AUTH_JWT_SECRET',
    )
    .option(
      '--token <jwt>',
      'a token that your issuer signed, for one peer with its role and id; repeat the option for more peers',
      (text, before: readonly string[] = []) => [...before, text],
    )
    .option('--token-file <path>', 'a file with such tokens, one per line')
    .option('--max-p50 <ms>', 'threshold: the median latency', numberFrom(0))
    .option('--max-p99 <ms>', 'threshold: the 99th percentile', numberFrom(0))
    .option(
      '--max-lost <count>',
      'threshold: deliveries that never arrive, and events that are refused or not sent',
      countFrom(0),
      0,
    )
    .option(
      '--find-knee',
      `raise the rate until a threshold is missed, and report the highest rate that passed; default threshold: p99 of ${KNEE_P99_MS} ms`,
    )
    .option(
      '--max-rate <events>',
      'with --find-knee: the highest rate to try',
      numberFrom(0.001, RATE_MAX),
      RATE_MAX,
    )
    .option('--compare <file>', 'compare with the output of an earlier --json')
    .option(
      '--tolerance <percent>',
      'with --compare: a change up to this size counts as equal',
      numberFrom(0),
      25,
    )
    .option('--html <file>', 'write a report as an HTML page')
    .addOption(jsonOption());
}

interface BenchOptions extends HubOptions, JsonOption, TokenOptions {
  readonly devices: number;
  readonly rate: number;
  readonly subscribers: number;
  readonly follow: number;
  readonly duration: number;
  readonly warmup: number;
  readonly bytes: number;
  readonly processes: number;
  readonly binary?: boolean;
  readonly batch?: boolean;
  readonly mqtt?: boolean;
  readonly mqttUrl?: string;
  readonly keyFile?: string;
  readonly maxP50?: number;
  readonly maxP99?: number;
  readonly maxLost: number;
  readonly findKnee?: boolean;
  readonly maxRate: number;
  readonly compare?: string;
  readonly tolerance: number;
  readonly html?: string;
}

async function bench(asked: BenchOptions, command: Command): Promise<void> {
  const tokens = await givenTokens(asked);
  if (tokens !== undefined && asked.keyFile !== undefined)
    throw new CliFailure(Exit.usage, 'tokens are either given, with --token, or signed, with --key-file');
  const sized = tokens === undefined ? asked : sizedBy(tokens, asked, command);
  const options = followingAtMost(sized, command);
  checkOptions(options, command);
  const load = loadOf(options, tokens);
  const before = options.compare === undefined ? undefined : readResult(options.compare);
  if (options.html !== undefined) checkFolderOf(options.html);
  const progress = new ProgressLine();
  const { outcome, knee } = await play(options, tokens, load, progress);
  progress.clear();
  const thresholds = thresholdsOf(options);
  const failures = missed(outcome, thresholds);
  const result = resultOf(outcome, failures, knee, { wire: wireOf(options), thresholds });
  const changes = before === undefined ? [] : compare(before, result, options.tolerance / 100);
  if (options.json) jsonLine(result);
  else {
    for (const text of [...(knee === undefined ? [] : kneeLines(knee)), ...outcomeLines(outcome, failures)])
      line(text);
    if (before !== undefined)
      for (const text of ['', ...changeLines(changes, isSameLoad(before, result))]) line(text);
  }
  if (options.html !== undefined) await writeHtml(options.html, { outcome, missed: failures, knee });
  const worse = changes
    .filter(({ isWorse }) => isWorse)
    .map(({ figure }) => `${figure} is worse than before`);
  judge([...failures, ...worse], result);
}

/** @throws CliFailure when a threshold was missed, or nothing held */
function judge(failures: readonly string[], { knee }: Result): void {
  const all = knee === null ? ['no rate held', ...failures] : failures;
  if (all.length > 0) throw new CliFailure(Exit.failed, all.join('; '));
}

/**
 * As many peers as there are tokens for, where the options do not ask for fewer.
 * @throws CliFailure when they ask for more
 */
function sizedBy(tokens: GivenTokens, options: BenchOptions, command: Command): BenchOptions {
  const sized = (name: 'devices' | 'subscribers', role: keyof GivenTokens): number => {
    const there = tokens[role].length;
    if (command.getOptionValueSource(name) === 'default') return there;
    if (options[name] <= there) return options[name];
    throw new CliFailure(Exit.usage, `--${name} ${options[name]}: tokens with the role ${role}: ${there}`);
  };
  const [devices, subscribers] = [sized('devices', 'device'), sized('subscribers', 'subscriber')];
  if (devices === 0)
    throw new CliFailure(Exit.usage, 'none of the tokens has the role device: nobody would send');
  return { ...options, devices, subscribers };
}

/** Whoever does not say how many devices a subscriber follows may have fewer than the default. */
function followingAtMost(options: BenchOptions, command: Command): BenchOptions {
  if (command.getOptionValueSource('follow') !== 'default') return options;
  return { ...options, follow: Math.min(options.follow, options.devices) };
}

/** @throws CliFailure when the numbers do not go together */
function loadOf(
  { devices, rate, subscribers, follow, bytes }: BenchOptions,
  tokens: GivenTokens | undefined,
): Load {
  if (subscribers > 0 && follow > devices)
    throw new CliFailure(Exit.usage, `--follow ${follow}: expected at most --devices, which is ${devices}`);
  const following = subscribers === 0 ? 0 : follow;
  const size = { devices, rate, subscribers, following, bytes };
  if (tokens !== undefined) {
    const idsOf = (role: keyof GivenTokens): string[] => tokens[role].map(({ id }) => id);
    return { ...size, ids: { devices: idsOf('device'), subscribers: idsOf('subscriber') } };
  }
  // Ids that nobody has: neither real devices nor an earlier bench.
  const prefix = `bench-${randomBytes(3).toString('hex')}-`;
  return { ...size, prefix };
}

function thresholdsOf({ maxP50, maxP99, maxLost, findKnee }: BenchOptions): Thresholds {
  const p99 = maxP99 ?? (findKnee ? KNEE_P99_MS : undefined);
  return { maxLost, ...(maxP50 !== undefined && { maxP50 }), ...(p99 !== undefined && { maxP99: p99 }) };
}

interface Endpoints {
  readonly device: HubEndpoint;
  readonly subscriber: HubEndpoint;
}

async function play(
  options: BenchOptions,
  tokens: GivenTokens | undefined,
  load: Load,
  progress: ProgressLine,
): Promise<{ outcome: Outcome; knee: Knee | undefined }> {
  const endpoints = endpointsOf(options);
  const target = targetOf(options, endpoints, tokens);
  const run = await LoadRun.open({
    target,
    load,
    processes: { devices: options.processes, subscribers: options.processes },
    stop: interrupted(),
    stage: (what) => progress.stage(what),
    tick: (leftMs, latest) => progress.tick(leftMs, latest),
  }).catch(async (error: Error) => {
    progress.clear();
    throw await explained(error, endpoints, target);
  });
  try {
    return await playOn(run, options, load, progress);
  } catch (error) {
    progress.clear();
    if (interrupted().aborted) throw new CliFailure(Exit.interrupted, 'interrupted');
    throw error;
  } finally {
    run.close();
  }
}

async function playOn(
  run: LoadRun,
  options: BenchOptions,
  load: Load,
  progress: ProgressLine,
): Promise<{ outcome: Outcome; knee: Knee | undefined }> {
  const { warmup, duration, rate, maxRate, findKnee: isKnee = false, json = false } = options;
  if (!isKnee) return { outcome: await run.play(load.rate, warmup * 1000, duration * 1000), knee: undefined };
  let isFirst = true;
  const knee = await findKnee({
    firstRate: rate,
    highestRate: maxRate,
    missed: (outcome) => missed(outcome, thresholdsOf(options)),
    play: async (stepRate) => {
      await run.restore();
      // The hub is warm after the first step; each step has a second to settle.
      const warmupMs = isFirst ? warmup * 1000 : 1000;
      isFirst = false;
      return run.play(stepRate, warmupMs, duration * 1000);
    },
    stepped: ({ outcome, missed: why }) => {
      const events = grouped(outcome.load.rate * load.devices);
      if (!json) progress.stage(`${events} events/s: ${why.length === 0 ? 'held' : why.join(', ')}`);
    },
  });
  const { held, steps } = knee;
  return { outcome: (held ?? steps.at(-1)!).outcome, knee };
}

/** @throws CliFailure when options do not go together, or an address is none */
function endpointsOf(options: BenchOptions): Endpoints {
  const { mqtt, mqttUrl, binary, batch } = options;
  if ((mqtt || mqttUrl !== undefined) && (binary || batch))
    throw new CliFailure(Exit.usage, 'MQTT has neither --binary nor --batch');
  if (mqttUrl === undefined)
    return { device: endpointOf('device', options), subscriber: endpointOf('subscriber', options) };
  const url = URL.canParse(mqttUrl) ? new URL(mqttUrl) : undefined;
  if (url?.protocol !== 'mqtt:' && url?.protocol !== 'mqtts:') {
    const accepted = 'mqtt://HOST:PORT or mqtts://HOST:PORT';
    throw new CliFailure(Exit.usage, `--mqtt-url ${JSON.stringify(mqttUrl)}: expected ${accepted}`);
  }
  return { device: { url, token: '' }, subscriber: { url, token: '' } };
}

function wireOf({ mqtt, mqttUrl, binary, batch }: BenchOptions): WebSocketWireName | MqttWireName {
  if (mqttUrl !== undefined) return 'mqtt-tcp';
  if (mqtt) return 'mqtt-websocket';
  if (binary) return batch ? 'websocket-binary-batch' : 'websocket-binary';
  return batch ? 'websocket-batch' : 'websocket';
}

function targetOf(
  options: BenchOptions,
  { device, subscriber }: Endpoints,
  tokens: GivenTokens | undefined,
): LoadTarget {
  const signer = tokens === undefined ? signerOf(options) : undefined;
  return {
    wire: wireOf(options),
    deviceUrl: device.url.href,
    subscriberUrl: subscriber.url.href,
    ...(signer !== undefined && { signer }),
    ...(tokens !== undefined && { tokens }),
  };
}

/** A margin for what comes before and after the load. */
const TOKEN_MARGIN_SECONDS = 3600;

function signerOf({ keyFile, duration, warmup }: BenchOptions): Signer | undefined {
  if (signingKey(keyFile) === undefined) return undefined;
  const lifetimeSeconds = Math.ceil(duration + warmup) + TOKEN_MARGIN_SECONDS;
  return { lifetimeSeconds, ...(keyFile !== undefined && { keyFile }) };
}

/** Where the peers have their tokens from. */
function tokensOf({ signer, tokens }: LoadTarget): keyof typeof denials {
  if (tokens !== undefined) return 'given';
  return signer === undefined ? 'none' : 'signed';
}

const denials = {
  given: 'the hub did not accept the tokens that were given; `dat token inspect` shows what a token says',
  signed: 'the hub did not accept the tokens that were signed; check DAT_AUTH_JWT_SECRET or --key-file',
  none: 'the hub wants tokens; set DAT_AUTH_JWT_SECRET to its secret, or pass --key-file, to sign one for each peer; or give --token',
} as const;

/** Why the peers could not connect, with what to do about it. */
async function explained(error: Error, endpoints: Endpoints, target: LoadTarget): Promise<Error> {
  if (interrupted().aborted) return new CliFailure(Exit.interrupted, 'interrupted');
  const [, role] = /^(device|subscriber) /.exec(error.message) ?? [];
  if (role !== 'device' && role !== 'subscriber') return error;
  const message = error.message
    .replace(/HTTP\/1\.1 (\d{3}).*/, refusedWith('$1'))
    .replace(/CONNACK [45]$/, refusedWith('401')); // a wrong password, not authorised
  const has = tokensOf(target);
  const attempt = { url: endpoints[role].url, listener: role, token: has === 'none' ? '' : has } as const;
  const failure = await lasting({ message }, attempt);
  if (failure?.exit === Exit.denied) return new CliFailure(Exit.denied, denials[has]);
  return failure ?? new CliFailure(Exit.unavailable, error.message);
}

/** Better before the load than after it. @throws CliFailure when no file can be made there */
function checkFolderOf(file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK);
  } catch (error) {
    throw htmlFailure(file, error);
  }
}

function htmlFailure(file: string, error: unknown): CliFailure {
  const { code, message } = error as NodeJS.ErrnoException;
  return new CliFailure(Exit.output, `--html ${file}: ${code === 'ENOENT' ? 'no such folder' : message}`);
}

async function writeHtml(
  file: string,
  report: { outcome: Outcome; missed: readonly string[]; knee: Knee | undefined },
): Promise<void> {
  const { hostLine } = await import('../bench/host.ts');
  const { reportHtml } = await import('../bench/report-html.ts');
  const facts = [new Date().toISOString(), hostLine(), `dat ${process.argv.slice(2).join(' ')}`];
  try {
    writeFileSync(file, reportHtml({ ...report, facts }));
  } catch (error) {
    throw htmlFailure(file, error);
  }
}
