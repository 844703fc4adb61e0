/**
 * Sends mutated bytes to all listeners of a hub. There is one good outcome: a device and a subscriber beside it get
 * every event, the process lives, it logs no error, and no input takes one of its threads more than 20 ms of CPU time.
 */
import { connect } from 'node:net';
import { admin, Metrics } from '../support/admin.ts';
import { type Env, type HubProcess, startHub } from '../support/hub-process.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { reset } from '../support/reset.ts';
import { COST_MS_MAX, dearInput, ThreadCosts } from './costs.ts';
import { type FuzzInput, fuzzInput } from './inputs.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** First input; those before it are left out. */
  readonly from: number;
  /** Inputs at most. */
  readonly inputs: number;
  readonly seconds: number;
  readonly env?: Env;
}

export interface FuzzReport {
  readonly inputs: number;
  /** Events that the bystander got. */
  readonly delivered: number;
  /** Connections of the fuzzer that were answered with at least one byte. */
  readonly answered: number;
  /** Groups of inputs that were too dear together, none of them by itself. */
  readonly suspected: number;
}

const AT_ONCE = 16;
/** How long an input's connection stays open at least. */
const HELD_MS = 15;
const LOOK_MS = 250;
/** What an input left behind is done by then. */
const SETTLE_MS = 50;
const SHOWN_INPUTS = 2 * AT_ONCE;
const ERROR_LEVEL = 50;

/** What the fuzzer makes goes soon, and nobody is limited: the hub has to read everything. */
const env: Env = {
  DAT_MQTT_PORT: '0',
  DAT_DEVICE_RATE: '0',
  DAT_SUBSCRIBER_RATE: '0',
  DAT_PING_INTERVAL_MS: '1000',
  DAT_DEVICE_LEAVE_GRACE_MS: '100',
  DAT_DEVICE_REMOVE_AFTER_MS: '500',
  DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '15000',
  DAT_SUBSCRIBER_REMOVE_AFTER_MS: '15000',
  DAT_MAX_DEVICES: '2000',
  DAT_MAX_SUBSCRIBERS: '2000',
  DAT_MAX_SUBSCRIPTIONS: '4000',
};

/** @throws Error that names the seed and the last inputs */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const hub = await startHub({ ...env, ...options.env });
  const last: FuzzInput[] = [];
  try {
    const report = await attack(hub, options, last);
    const { code } = await hub.stop().then(() => hub.ended);
    if (code !== 0) throw new Error(`the hub ended with ${code}`);
    return report;
  } catch (error) {
    const { seed } = options;
    const shown = last.map((input) => describeInput(input)).join('\n');
    const replay = `npm run fuzz -- --seed ${seed} --from ${Math.max(0, (last[0]?.number ?? 0) - 500)}`;
    throw new Error(
      `${(error as Error).message}\nseed ${seed}, again with: ${replay}\nthe last inputs:\n${shown}\n` +
        `the hub's last words:\n${hub.stderr().slice(-3000)}`,
      { cause: error },
    );
  } finally {
    await hub.kill();
  }
}

async function attack(hub: HubProcess, options: FuzzOptions, last: FuzzInput[]): Promise<FuzzReport> {
  const bystander = await Bystander.join(hub);
  const over = new AbortController();
  const sending = sendInGroups(hub, options, last, over.signal);
  const done = sending.then(() => true);
  try {
    while (!(await Promise.race([done, after(LOOK_MS)]))) await bystander.look();
    await bystander.look();
  } catch (error) {
    over.abort();
    await done.catch(() => {}); // the first failure is the one to tell
    throw error;
  }
  await assertWell(hub);
  return { ...(await sending), delivered: bystander.delivered };
}

/**
 * Inputs go out in groups, so that what a thread used meanwhile is what the group cost.
 * @throws Error when one input alone costs too much
 */
async function sendInGroups(
  hub: HubProcess,
  { seed, from, inputs, seconds }: FuzzOptions,
  last: FuzzInput[],
  signal: AbortSignal,
): Promise<Omit<FuzzReport, 'delivered'>> {
  const endMs = performance.now() + seconds * 1e3;
  const costs = new ThreadCosts(hub.pid);
  const turn = turnsOf(hub);
  let next = from;
  let answered = 0;
  let suspected = 0;
  while (next < from + inputs && performance.now() < endMs && !signal.aborted) {
    const count = Math.min(AT_ONCE, from + inputs - next);
    const group = Array.from({ length: count }, () => fuzzInput(seed, next++));
    last.push(...group);
    last.splice(0, Math.max(0, last.length - SHOWN_INPUTS));
    costs.begin();
    const answers = await Promise.all(group.map((input) => deliver(hub, input, turn)));
    answered += answers.filter(Boolean).length;
    if (costs.most() <= COST_MS_MAX) continue;
    suspected += 1;
    await assertNoneIsDear(hub, costs, [...last]);
  }
  return { inputs: next - from, answered, suspected };
}

/** Those of the group before are among the suspects: what they left behind may have been done late. */
async function assertNoneIsDear(
  hub: HubProcess,
  costs: ThreadCosts,
  suspects: readonly FuzzInput[],
): Promise<void> {
  const dear = await dearInput(suspects, async (input) => {
    await after(SETTLE_MS);
    costs.begin();
    await deliver(hub, input, () => Promise.resolve());
    await after(SETTLE_MS);
    return costs.most();
  });
  if (dear === undefined) return;
  const { input, ms } = dear;
  throw new Error(`an input takes a thread ${ms.toFixed(1)} ms of CPU time:\n${describeInput(input)}`);
}

/** A device and a subscriber that have nothing to do with the fuzzer. */
class Bystander {
  delivered = 0;
  readonly #device: Device;
  readonly #subscriber: Subscriber;

  private constructor(device: Device, subscriber: Subscriber) {
    this.#device = device;
    this.#subscriber = subscriber;
  }

  static async join({ devicePort, subscriberPort }: HubProcess): Promise<Bystander> {
    const device = await Device.connect(devicePort, '?id=bystander-of-the-fuzzer');
    const subscriber = await Subscriber.connect(subscriberPort, '?id=subscriber-beside-the-fuzzer');
    await subscriber.subscribe('bystander-of-the-fuzzer');
    return new Bystander(device, subscriber);
  }

  /** @throws Error when an event is not acknowledged, does not come, or comes out of order */
  async look(): Promise<void> {
    const { seq } = await this.#device.message({ n: this.delivered });
    const { seq: got } = await this.#subscriber.frames.next(
      ({ op, source }) => op === 'event' && source === 'device',
    );
    this.delivered += 1;
    if (got !== seq) throw new Error(`the bystander got seq ${got} instead of ${seq}`);
  }
}

/** @returns waits until the hub has had a turn: on a busy host it may have had none while a connection was held */
function turnsOf({ adminPort }: HubProcess): () => Promise<unknown> {
  let underWay: Promise<unknown> | undefined;
  return () => {
    const over = (): void => {
      underWay = undefined;
    };
    underWay ??= admin(adminPort, 'GET', '/livez').then(over, over); // the bystander tells of a hub that is gone
    return underWay;
  };
}

/**
 * @param turn what the connection stays open for in the end
 * @returns whether the hub answered anything
 */
async function deliver(
  hub: HubProcess,
  { listener, head, writes, reset: hasReset }: FuzzInput,
  turn: () => Promise<unknown>,
): Promise<boolean> {
  const socket = connect({ port: hub[`${listener}Port`], host: '127.0.0.1' });
  socket.on('error', () => {}); // a reset is an answer
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  let answered = false;
  socket.on('data', () => {
    answered = true;
  });
  if (head !== '') socket.write(head);
  for (const bytes of writes) {
    socket.write(bytes);
    await after(1);
  }
  await Promise.race([closed, after(HELD_MS).then(turn)]);
  if (hasReset) reset(socket);
  else socket.destroy();
  await closed;
  return answered;
}

async function assertWell(hub: HubProcess): Promise<void> {
  const ready = await admin(hub.adminPort, 'GET', '/readyz');
  if (ready.status !== 200) throw new Error(`not ready: ${ready.text}`);
  const metrics = new Metrics((await admin(hub.adminPort, 'GET', '/metrics')).text);
  const failed = metrics.value('dat_frames_failed_total');
  if (failed > 0) throw new Error(`${failed} frame(s) met a bug that was contained`);
  const bad = hub.logs.find(({ level = 0 }) => level >= ERROR_LEVEL);
  if (bad !== undefined) throw new Error(`the hub logged an error: ${JSON.stringify(bad)}`);
}

function describeInput({ number, listener, head, writes, reset }: FuzzInput): string {
  const bytes = Buffer.concat(writes).toString('base64').slice(0, 400);
  return `  ${number} ${listener}${head === '' ? '' : ', upgraded'}${reset ? ', reset' : ''}: ${bytes}`;
}

function after(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined));
}
