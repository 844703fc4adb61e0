/**
 * Random commands to a hub over real sockets, and to the model: after each, both show the same rows, and an event goes
 * to whom the model says. MODEL_SECONDS for longer, MODEL_SEED to see the same again.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calm, TestHub } from '../conformance/harness.ts';
import { eventually } from '../support/eventually.ts';
import type { Device, Subscriber } from '../support/peers.ts';
import { Random } from '../support/random.ts';
import { testSeed } from '../support/seed.ts';
import { uwsLoads } from '../support/uws-loads.ts';
import { type Command, Model, type Outcome } from './model.ts';

const { MODEL_SECONDS = 8, MODEL_SEED = testSeed() } = process.env;
const seconds = Number(MODEL_SECONDS);
const DEVICES = 4;
const SUBSCRIBERS = 5;
const REMOVE_AFTER_MS = 5000;
/** Who is gone for so long is waited for: the model must not race the hub's timer. */
const SETTLE_AFTER_MS = 1500;
const statuses = {
  allow: ['allow', null],
  active: ['active', null],
  paused: ['inactive', 'paused'],
  disconnected: ['inactive', 'disconnected'],
  deny: ['deny', null],
} as const;
const weights: Readonly<Record<Command['do'], number>> = {
  connectDevice: 4,
  leaveDevice: 1,
  publish: 8,
  terminate: 0.3,
  connect: 5,
  drop: 2,
  kick: 0.5,
  subscribe: 8,
  unsubscribe: 2,
  pause: 2,
  resume: 2,
  allow: 1,
  activate: 1,
  hold: 1,
  deny: 1,
  remove: 1,
};

/** Each kind as often as it weighs. */
const draws = (Object.keys(weights) as Command['do'][]).flatMap((kind) =>
  Array.from({ length: weights[kind] * 10 }, () => kind),
);

class Run {
  readonly #hub: TestHub;
  readonly #model = new Model();
  readonly #random: Random;
  readonly #devices = new Map<string, Device>();
  /** Goes as data: a device that was terminated counts from 1 again. */
  #published = 0;
  readonly #subscribers = new Map<string, Subscriber>();
  /** Commands so far, for whoever looks for what went wrong. */
  readonly log: string[] = [];

  constructor(hub: TestHub, random: Random) {
    this.#hub = hub;
    this.#random = random;
  }

  async step(): Promise<void> {
    await this.#settle();
    const command = this.#draw();
    this.log.push(JSON.stringify(command));
    const outcome = this.#model.apply(command, performance.now());
    await this.#carryOut(command, outcome);
    await this.#compare(command);
  }

  #draw(): Command {
    for (;;) {
      const kind = this.#random.pick(draws);
      const device = `dev-${this.#random.below(DEVICES)}`;
      const subscriber = `sub-${this.#random.below(SUBSCRIBERS)}`;
      const command = { do: kind, device, subscriber } as Command;
      if (this.#model.allows(command)) return command;
    }
  }

  /** Waits out whoever is about to expire. */
  async #settle(): Promise<void> {
    for (const [id, { connected, goneAtMs }] of this.#model.subscribers) {
      if (connected || goneAtMs === 0 || performance.now() - goneAtMs < SETTLE_AFTER_MS) continue;
      const of = [...this.#model.devices.keys()].filter((device) => {
        const state = this.#model.pair(device, id);
        return state === 'disconnected' || state === 'paused';
      });
      this.log.push(`expire ${id}`);
      for (const device of of) await this.#hub.rowGoes(device, id);
      this.#model.expire(id);
      const rest = this.#model.subscribers.get(id);
      if (rest !== undefined) rest.goneAtMs = 0;
    }
  }

  async #carryOut(command: Command, outcome: Outcome): Promise<void> {
    const hub = this.#hub;
    switch (command.do) {
      case 'connectDevice':
        this.#devices.set(command.device, await hub.device(command.device));
        return;
      case 'leaveDevice':
        await this.#devices.get(command.device)!.close(1000);
        await eventually(
          'it is offline',
          async () => (await hub.deviceEntry(command.device))?.state === 'offline',
        );
        return;
      case 'publish': {
        const { seq, skipped = false } = await this.#devices.get(command.device)!.message(++this.#published);
        expect({ seq, skipped }).toEqual({ seq: outcome.seq, skipped: outcome.skipped });
        if (!skipped) await this.#expectReceivers(command.device, outcome.receivers ?? []);
        return;
      }
      case 'terminate':
        expect((await hub.admin('DELETE', `/v1/devices/${command.device}`)).status).toBe(200);
        if (outcome.closes) expect((await this.#devices.get(command.device)!.closed).code).toBe(4009);
        return;
      case 'connect': {
        const batch = /[13579]$/.test(command.subscriber); // what it gets must not depend on it
        const peer = await hub.openSubscriber({ id: command.subscriber, batch });
        const { resumed = [] } = await peer.welcome();
        expect([...resumed].sort()).toEqual(outcome.resumed);
        this.#subscribers.set(command.subscriber, peer);
        return;
      }
      case 'drop':
        await this.#subscribers.get(command.subscriber)!.drop();
        return;
      case 'kick':
        expect((await hub.admin('DELETE', `/v1/subscribers/${command.subscriber}`)).status).toBe(200);
        if (outcome.closes) expect((await this.#subscribers.get(command.subscriber)!.closed).code).toBe(4005);
        return;
      case 'subscribe':
      case 'unsubscribe':
      case 'pause':
      case 'resume': {
        const answer = await this.#subscribers.get(command.subscriber)!.ask(command.do, [command.device]);
        const [refusal] = answer.errors ?? [];
        expect(refusal?.code).toBe(outcome.refused);
        return;
      }
      case 'remove':
        expect(
          (await hub.admin('DELETE', `/v1/devices/${command.device}/subscribers/${command.subscriber}`))
            .status,
        ).toBe(200);
        return;
      default: {
        const status = { allow: 'allow', activate: 'active', hold: 'inactive', deny: 'deny' }[command.do];
        expect((await hub.setRow(command.device, command.subscriber, { status })).status).toBe(200);
      }
    }
  }

  /** Whoever is to get it gets it; who was not has nothing of it when its answer to something later comes. */
  async #expectReceivers(device: string, receivers: readonly string[]): Promise<void> {
    const published = this.#published;
    for (const [id, { connected }] of this.#model.subscribers) {
      if (!connected) continue;
      const peer = this.#subscribers.get(id)!;
      if (receivers.includes(id)) await peer.frames.next(({ data }) => data === published);
      await peer.list();
      const got = peer.events(device).filter(({ data }) => data === published).length;
      expect(got, `${id} of ${device}, number ${published}`).toBe(receivers.includes(id) ? 1 : 0);
    }
  }

  async #compare(command: Command): Promise<void> {
    for (let n = 0; n < DEVICES; n++) {
      const device = `dev-${n}`;
      const expected = Object.fromEntries(
        [...this.#model.pairsOf(device)].map(([subscriber, state]) => [subscriber, statuses[state]]),
      );
      const shown = async () =>
        Object.fromEntries(
          (await this.#hub.rows(device)).map(({ subscriber, status, reason }) => [
            subscriber,
            [status, reason],
          ]),
        );
      // A connection that was cut is seen a moment later; all else holds at once.
      if (command.do === 'drop') {
        await eventually(
          'the drop is seen',
          async () => JSON.stringify(sorted(await shown())) === JSON.stringify(sorted(expected)),
          5000,
        ).catch(() => {});
      }
      expect(sorted(await shown()), `rows of ${device}`).toEqual(sorted(expected));
    }
  }
}

function sorted(rows: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(rows).sort(([one], [other]) => (one < other ? -1 : 1)));
}

const transports = [
  ['uws, 2 fan-out workers', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '2' }],
  ['ws', { DAT_TRANSPORT: 'ws' }],
] as const;

describe.each(transports)('the model of a hub on %s', (_, env) => {
  const skip = env.DAT_TRANSPORT === 'uws' && !uwsLoads();
  const hub = new TestHub({
    ...calm,
    ...env,
    DAT_SUBSCRIBER_REMOVE_AFTER_MS: String(REMOVE_AFTER_MS),
    DAT_SUBSCRIBER_INACTIVE_AFTER_MS: String(REMOVE_AFTER_MS),
    DAT_PING_INTERVAL_MS: '1000',
  });
  beforeAll(() => (skip ? undefined : hub.start()));
  afterAll(() => (skip ? undefined : hub.end()));

  it.skipIf(skip)('holds after every command', { timeout: (seconds + 60) * 1000 }, async () => {
    const run = new Run(hub, new Random(Number(MODEL_SEED)));
    const endAt = performance.now() + seconds * 1000;
    try {
      while (performance.now() < endAt) await run.step();
    } catch (failure) {
      const said = run.log.slice(-40).join('\n');
      throw new Error(
        `MODEL_SEED=${MODEL_SEED}, after ${run.log.length} commands, the last:\n${said}\n${(failure as Error).message}`,
        { cause: failure },
      );
    }
    expect(run.log.length).toBeGreaterThan(40);
  });
});
