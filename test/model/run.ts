/** One run: each command goes to the model and to a hub, and afterwards both must tell the same. */
import { expect } from 'vitest';
import type { TestHub } from '../conformance/harness.ts';
import { eventually } from '../support/eventually.ts';
import type { Frame } from '../support/frames.ts';
import type { Device, Subscriber } from '../support/peers.ts';
import { Random } from '../support/random.ts';
import { tokenFor } from '../support/tokens.ts';
import { WAIT_MS } from '../support/waits.ts';
import type { Ask, Command, Outcome } from './commands.ts';
import { DEVICES, Draw, SUBSCRIBERS } from './draw.ts';
import { Model } from './model.ts';
import { keptOf } from './replays.ts';
import { heardFrom, problemOf } from './story.ts';
import { isSubscription, type PairState, type Terms, type Told } from './world.ts';

const statuses: Readonly<Record<PairState, readonly [status: string, reason: string | null]>> = {
  allow: ['allow', null],
  active: ['active', null],
  paused: ['inactive', 'paused'],
  disconnected: ['inactive', 'disconnected'],
  deny: ['deny', null],
};

/** Commands whose effect the hub sees a moment later: it hears of a connection's end from the kernel. */
const ending: ReadonlySet<Command['do']> = new Set(['drop', 'leaveDevice', 'loseDevice']);

interface Connected {
  readonly peer: Subscriber;
  /** Frames of it that were compared. */
  seen: number;
}

export class Run {
  readonly #hub: TestHub;
  readonly #terms: Terms;
  readonly #model: Model;
  readonly #draw: Draw;
  readonly #devices = new Map<string, Device>();
  readonly #subscribers = new Map<string, Connected>();
  /** The model's number of a numbering → the hub's text. */
  readonly #epochs = new Map<number, string>();
  /** Commands so far, for whoever looks for what went wrong. */
  readonly log: string[] = [];

  constructor(hub: TestHub, terms: Terms, seed: number) {
    this.#hub = hub;
    this.#terms = terms;
    this.#model = new Model(terms);
    this.#draw = new Draw(new Random(seed), terms);
  }

  async step(): Promise<void> {
    const command = this.#draw.next((one) => this.#model.allows(one));
    this.log.push(JSON.stringify(command));
    const outcome = this.#model.apply(command);
    await inTime(this.#carryOut(command, outcome));
    // What is to expire takes its time, and the end of a connection is seen a moment later; all else holds at once.
    const isPatient = this.#terms.timers || ending.has(command.do);
    await this.#settle(isPatient, outcome);
  }

  async #carryOut(command: Command, outcome: Outcome): Promise<void> {
    const hub = this.#hub;
    switch (command.do) {
      case 'connectDevice':
        await this.#connectDevice(command.device, outcome);
        return;
      case 'leaveDevice':
        await this.#devices.get(command.device)!.close(1000);
        return;
      case 'loseDevice':
        await this.#devices.get(command.device)!.drop();
        return;
      case 'publish': {
        const { device, type, content } = command;
        const status = type === 'status' ? { status: `s-${content}` } : {};
        const { seq, skipped = false } = await this.#devices
          .get(device)!
          .publish({ type, data: content, ...status });
        expect({ seq, skipped }).toEqual({ seq: outcome.seq, skipped: outcome.skipped });
        return;
      }
      case 'operatorPublishes': {
        const event = { type: 'message', data: command.content };
        const { body } = await hub.admin('POST', `/v1/devices/${command.device}/events`, event);
        expect(body).toEqual({ seq: outcome.seq, ...(outcome.skipped === true ? { skipped: true } : {}) });
        return;
      }
      case 'terminate':
        expect((await hub.admin('DELETE', `/v1/devices/${command.device}`)).status).toBe(200);
        if (outcome.closes) expect((await this.#devices.get(command.device)!.closed).code).toBe(4009);
        return;
      case 'connect':
      case 'wait':
      case 'recover':
        await this.#connect(command.subscriber, outcome, command.do !== 'connect');
        return;
      case 'drop':
        await this.#subscribers.get(command.subscriber)!.peer.drop();
        this.#subscribers.delete(command.subscriber);
        return;
      case 'kick':
        expect((await hub.admin('DELETE', `/v1/subscribers/${command.subscriber}`)).status).toBe(200);
        if (outcome.closes)
          expect((await this.#subscribers.get(command.subscriber)!.peer.closed).code).toBe(4005);
        this.#subscribers.delete(command.subscriber);
        return;
      case 'pauseAll':
      case 'resumeAll': {
        const op = command.do === 'pauseAll' ? 'pause' : 'resume';
        expectAnswer(await this.#subscribers.get(command.subscriber)!.peer.ask(op), outcome);
        return;
      }
      case 'subscribe':
      case 'unsubscribe':
      case 'pause':
      case 'resume': {
        const { do: op, subscriber, names, ...wishes } = command;
        await answered(this.#subscribers.get(subscriber)!.peer, op, names, wishes, outcome);
        return;
      }
      default:
        await this.#operate(command, outcome);
    }
  }

  async #operate(
    command: Extract<Command, { do: 'allow' | 'activate' | 'hold' | 'deny' | 'remove' | 'vip' | 'rules' }>,
    outcome: Outcome,
  ): Promise<void> {
    const hub = this.#hub;
    if (command.do === 'rules') {
      const { rules } = command;
      const { body } = await hub.admin('PUT', '/v1/access/rules', { rules });
      expect(body).toEqual({ rules, removed: outcome.removed });
      expect((await hub.admin('GET', '/v1/access/rules')).body).toEqual({ rules });
      return;
    }
    const { device, subscriber } = command;
    if (command.do === 'remove') {
      const row = `/v1/devices/${device}/subscribers/${subscriber}`;
      expect((await hub.admin('DELETE', row)).status).toBe(200);
      return;
    }
    const change =
      command.do === 'vip'
        ? { vip: command.vip }
        : { status: { allow: 'allow', activate: 'active', hold: 'inactive', deny: 'deny' }[command.do] };
    expect((await hub.setRow(device, subscriber, change)).status).toBe(200);
  }

  async #token(role: string, id: string): Promise<{ readonly token?: string }> {
    const { claims } = this.#terms;
    if (claims === undefined) return {};
    return { token: await tokenFor({ role, sub: id, ...(role === 'subscriber' ? claims[id] : {}) }) };
  }

  async #connectDevice(id: string, { closes = false }: Outcome): Promise<void> {
    const older = this.#devices.get(id);
    this.#devices.set(id, await this.#hub.device(id, await this.#token('device', id)));
    if (closes) expect((await older!.closed).code).toBe(4004);
  }

  async #connect(id: string, outcome: Outcome, hold: boolean): Promise<void> {
    const older = this.#subscribers.get(id);
    // What it gets must not depend on how it gets it.
    const batch = id === 's-1' || id === 's-3';
    const protocols = id === 's-2' || id === 's-3' ? ['dat.v1.binary'] : [];
    const token = await this.#token('subscriber', id);
    const peer = await this.#hub.openSubscriber({
      id,
      batch,
      protocols,
      ...token,
      ...(hold ? { hold } : {}),
    });
    const { resumed = [], resumedFilters = [], ...welcome } = await peer.welcome();
    expect([...resumed].sort()).toEqual([...outcome.resumed!].sort());
    expect([...resumedFilters].sort()).toEqual([...outcome.resumedFilters!].sort());
    this.#subscribers.set(id, { peer, seen: 0 });
    if (outcome.closes) expect((await older!.peer.closed).code).toBe(4004);
    expect(welcome.held === true).toBe(hold);
    const { again = [] } = outcome;
    if (again.length === 0) return;
    const since = Object.entries(outcome.since!).map(([device, { epoch, seq }]) => [
      device,
      { epoch: this.#epochs.get(epoch) ?? 'of a numbering that it was never told of', seq },
    ]);
    await answered(peer, 'subscribe', again, { since: Object.fromEntries(since) }, outcome);
  }

  // Comparing

  /** Compares everything; where the hub may need a moment, once it is there. */
  async #settle(isPatient: boolean, { told = new Map() }: Outcome): Promise<void> {
    if (isPatient) {
      const shown = await eventually(
        'the hub shows it',
        async () => (await this.#isThere()) || undefined,
      ).catch(() => undefined);
      if (shown === undefined) await this.#compareTable();
    }
    await this.#awaitGone();
    const problem = () => this.#storyProblem(told);
    // Pages and replays come behind the answer.
    if (problem() !== undefined)
      await eventually('the stories are complete', () => problem() === undefined).catch(() => {});
    await this.#compareLists(); // whatever was sent before has come with it
    expect(problem()).toBeUndefined();
    for (const connected of this.#subscribers.values()) connected.seen = connected.peer.frames.all.length;
    await this.#compareTable();
  }

  /** An id that no device has used goes as soon as nobody follows it, which is a moment later. */
  async #awaitGone(): Promise<void> {
    for (const id of DEVICES) {
      if (this.#model.world.devices.has(id)) continue;
      await eventually(`${id} is gone`, async () => (await this.#hub.deviceEntry(id)) === undefined);
    }
  }

  async #isThere(): Promise<boolean> {
    return JSON.stringify(await this.#shown()) === JSON.stringify(this.#expected());
  }

  async #compareTable(): Promise<void> {
    expect(await this.#shown()).toEqual(this.#expected());
  }

  #expected(): unknown {
    return { devices: this.#expectedTable(), filters: this.#expectedFilters() };
  }

  async #shown(): Promise<unknown> {
    return { devices: await this.#shownTable(), filters: await this.#shownFilters() };
  }

  /** A filter may match nothing: then no row of any device shows that it waits for its subscriber, or is gone. */
  #expectedFilters(): unknown {
    const { subscribers } = this.#model.world;
    return SUBSCRIBERS.map((id) => {
      const filters = [...(subscribers.get(id)?.filters ?? [])];
      return [id, sorted(filters.map(([filter, { state }]) => ({ filter, state: statuses[state] })))];
    });
  }

  async #shownFilters(): Promise<unknown> {
    return Promise.all(
      SUBSCRIBERS.map(async (id) => {
        const filters = await this.#hub.filters(id);
        return [
          id,
          sorted(filters.map(({ filter, status, reason }) => ({ filter, state: [status, reason] }))),
        ];
      }),
    );
  }

  #expectedTable(): unknown {
    const { world } = this.#model;
    return DEVICES.map((id) => {
      const device = world.devices.get(id);
      if (device === undefined) return [id];
      const rows = world.pairsOf({ device: id }).map(({ subscriber, state }) => {
        const { connected } = world.subscriber(subscriber);
        return { subscriber, state: statuses[state], connected, vip: this.#vipOf(subscriber) };
      });
      const kept = keptOf(world, device).map(({ seq, type, source }) => `${seq} ${type} ${source}`);
      return [id, device.state, device.connected, device.seq, sorted(rows), kept.reverse()];
    });
  }

  /** null: what the hub remembers of one who is not there. */
  #vipOf(subscriber: string): boolean | null {
    const { connected, vip } = this.#model.world.subscriber(subscriber);
    if (this.#terms.claims?.[subscriber]?.vip === true) return connected ? true : null;
    return vip ?? null;
  }

  async #shownTable(): Promise<unknown> {
    return Promise.all(
      DEVICES.map(async (id) => {
        const entry = await this.#hub.deviceEntry(id);
        if (entry === undefined) return [id];
        const rows = (await this.#hub.rows(id)).map(({ subscriber, status, reason, connected, vip }) => ({
          subscriber,
          state: [status, reason],
          connected,
          vip: this.#vipOf(subscriber) === null ? null : vip,
        }));
        return [
          id,
          entry.state,
          entry.connectedAt !== null,
          entry.seq,
          sorted(rows),
          await this.#shownKept(id),
        ];
      }),
    );
  }

  async #shownKept(id: string): Promise<string[]> {
    const { body } = await this.#hub.admin('GET', `/v1/devices/${id}/events?limit=1000`);
    const { events = [] } = body as { events?: readonly { seq: number; type: string; source: string }[] };
    return events.map(({ seq, type, source }) => `${seq} ${type} ${source}`);
  }

  async #compareLists(): Promise<void> {
    const { world } = this.#model;
    for (const id of SUBSCRIBERS) {
      const connected = this.#subscribers.get(id);
      if (connected === undefined) continue;
      const { devices, filters = [] } = await connected.peer.ask('list');
      const pairs = world.pairsOf({ subscriber: id }).filter(isSubscription);
      const of = (state: string) => (state === 'active' ? 'active' : 'inactive');
      const expected = pairs.map(({ device, state }) => ({ device, status: of(state) }));
      expect(sorted(devices!), `list of ${id}`).toEqual(sorted(expected));
      const followed = [...world.subscriber(id).filters].map(([filter, { state }]) => ({
        filter,
        status: of(state),
      }));
      expect(sorted(filters), `filters of ${id}`).toEqual(sorted(followed));
    }
  }

  #storyProblem(told: ReadonlyMap<string, readonly Told[]>): string | undefined {
    for (const [id, { peer, seen }] of this.#subscribers) {
      const expected = told.get(id) ?? [];
      const heard = heardFrom(peer.frames.all.slice(seen));
      for (const device of DEVICES) {
        const of = <One extends { readonly device: string }>(all: readonly One[]) =>
          all.filter((one) => one.device === device);
        const problem = problemOf(of(expected), of(heard), this.#epochs);
        if (problem !== undefined) return `${id} of ${device}: ${problem}`;
      }
    }
    return undefined;
  }
}

/** A connection that is not closed, for one, would be waited for for ever. */
async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not carried out within ${2 * WAIT_MS} ms`)), 2 * WAIT_MS);
  });
  await Promise.race([work, tooLate]).finally(() => clearTimeout(timer));
}

/** Asks, and waits for what comes behind the answer: of each filter the last page, though it may name nothing that counts. */
async function answered(
  peer: Subscriber,
  op: Ask,
  names: readonly string[],
  wishes: object,
  outcome: Outcome,
): Promise<void> {
  const { all } = peer.frames;
  const from = all.length;
  expectAnswer(await peer.ask(op, names, wishes), outcome);
  for (const name of Object.keys(outcome.matched ?? {})) {
    const isLast = (frame: Frame) =>
      frame.op === 'subscribed' && frame.filter === name && frame.more === false;
    await eventually(`the last page of ${name}`, () => all.slice(from).some(isLast));
  }
}

/** Exactly those are refused, and each filter follows so many devices. */
function expectAnswer(answer: Frame, { refused = {}, matched = {} }: Outcome): void {
  const errors = (answer.errors ?? []).map(({ device, code }) => [device, code]);
  expect(Object.fromEntries(errors), JSON.stringify(answer)).toEqual(refused);
  for (const [filter, [least, most]] of Object.entries(matched)) {
    const all = (answer.filters ?? []) as readonly { readonly filter: string; readonly matched: number }[];
    const found = all.find((one) => one.filter === filter)?.matched ?? -1;
    expect(found >= least && found <= most, `${filter} matched ${found}, not ${least} to ${most}`).toBe(true);
  }
}

function sorted(all: readonly unknown[]): unknown[] {
  return [...all].sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
}
