/** What a run's second window adds to the steady load, in a process of its own. */
import { type BusySince, busyShare, busySince } from '../../src/cli/bench/busy.ts';
import { nowUs } from '../../src/cli/bench/clock.ts';
import { type LoadConnection, type Opening, open, openAll } from '../../src/cli/bench/connections.ts';
import { deviceId, followedDevices } from '../../src/cli/bench/load.ts';
import type { GeneratorOrder, LoadTarget, Window } from '../../src/cli/bench/messages.ts';
import type { Part } from '../../src/cli/bench/part.ts';
import type { Wire } from '../../src/cli/bench/wires/wire.ts';
import type { Disturbance, Shape } from './shapes.ts';
import {
  filterRequest,
  filterWire,
  gatewayPong,
  gatewayWire,
  replayRequest,
  replayWire,
} from './wires/hub-only.ts';
import { type WireName, wires } from './wires/index.ts';

const FOLLOWERS = 100;
const RECONNECTERS = 400;
const STEP_MS = 5;
/** Of a few hundred KiB each: a reader that wants a megabyte per second and takes a quarter of it. */
const SLOW_READ_MS = 1000;
/** After the window, for answers that are still on their way. */
const ANSWERS_MAX_MS = 10_000;
const LOOK_MS = 20;

/** Devices behind one gateway of a crowd; the hub accepts 10,000. */
const CROWD = 9900;

export interface DisturberReport {
  readonly follows: number;
  /** Connections that were dropped; those that are still on their way back at their turn are not. */
  readonly reconnects: number;
  /** Kept events that the subscribers of `replays` got within the window. */
  readonly replayed: number;
  /** Kept events that they asked for, and that did not come after it either. */
  readonly unreplayed: number;
  /** From the subscription of `filterOver` to the last page of its answer, milliseconds. */
  readonly filterMs: number | undefined;
  /** While it disturbed. */
  readonly busy: number;
}

type Replays = NonNullable<Disturbance['replays']>;

export class Disturber implements Part {
  readonly #shape: Shape;
  readonly #target: LoadTarget;
  readonly #wire: Wire;
  #followers: LoadConnection[] = [];
  #reconnecters: (LoadConnection | undefined)[] = [];
  readonly #slowReaders: LoadConnection[] = [];
  #stopped = false;
  #follows = 0;
  #reconnectTurns = 0;
  #reconnects = 0;
  #replayers: LoadConnection[] = [];
  #replayersAsked = 0;
  #replayed = 0;
  #replayedInWindow = 0;
  #unreplayed = 0;
  readonly #crowd: LoadConnection[] = [];
  #filterer: LoadConnection | undefined;
  #filterFromUs = 0;
  #filterMs: number | undefined;
  #since: BusySince = busySince();
  #busy = 0;

  static async open({ target, load }: GeneratorOrder): Promise<Disturber> {
    const shape = load as Shape; // as the controller of this folder sends it
    const disturber = new Disturber(target, shape);
    const { followsPerSecond = 0, reconnectsPerSecond = 0, replays, filterOver } = shape.disturbance ?? {};
    if (replays !== undefined)
      disturber.#replayers = await openAll(replays.subscribers, (index) =>
        disturber.#replayer(index, replays),
      );
    if (filterOver !== undefined) await disturber.#openCrowd(filterOver);
    const beside = (name: string) => (index: number) => disturber.#opening(`${name}-${index}`, []);
    disturber.#followers = await openAll(followsPerSecond > 0 ? FOLLOWERS : 0, beside('follower'));
    disturber.#reconnecters = await openAll(reconnectsPerSecond > 0 ? RECONNECTERS : 0, (index) =>
      disturber.#reconnecter(index),
    );
    return disturber;
  }

  private constructor(target: LoadTarget, shape: Shape) {
    this.#target = target;
    this.#shape = shape;
    this.#wire = wires[target.wire as WireName];
  }

  window(): void {}

  progress(): undefined {}

  async run({ toUs }: Window): Promise<void> {
    const { disturbance = {}, devices } = this.#shape;
    const { followsPerSecond = 0, reconnectsPerSecond = 0, slowReaders = 0, replays } = disturbance;
    this.#since = busySince();
    if (this.#filterer !== undefined) {
      this.#filterFromUs = nowUs();
      this.#filterer.write(filterRequest('*'));
    }
    for (let reader = 0; reader < slowReaders; reader++) void this.#slow(reader);
    const fromUs = nowUs();
    while (!this.#stopped && nowUs() < toUs) {
      const seconds = (nowUs() - fromUs) / 1e6;
      while (this.#follows < followsPerSecond * seconds) this.#follow();
      while (this.#reconnectTurns < reconnectsPerSecond * seconds) this.#reconnect();
      if (replays !== undefined) this.#replay(replays, devices, (nowUs() - fromUs) / (toUs - fromUs));
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
    this.#replayedInWindow = this.#replayed;
    this.#busy = busyShare(this.#since);
  }

  /** Waits for answers that are late: they are told as late, and not as none. */
  async report(): Promise<DisturberReport> {
    const isMissing = (): boolean =>
      this.#unreplayed > 0 || (this.#filterer !== undefined && this.#filterMs === undefined);
    for (const endUs = nowUs() + ANSWERS_MAX_MS * 1e3; isMissing() && nowUs() < endUs; )
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    return {
      follows: this.#follows,
      reconnects: this.#reconnects,
      replayed: this.#replayedInWindow,
      unreplayed: this.#unreplayed,
      filterMs: this.#filterMs,
      busy: this.#busy,
    };
  }

  close(): void {
    this.#stopped = true;
    const others = [this.#replayers, this.#crowd, this.#slowReaders].flat();
    for (const connection of [...this.#followers, ...this.#reconnecters, ...others, this.#filterer])
      connection?.drop();
  }

  /** Each follower walks over the devices: follows one, and leaves it with its next turn. */
  #follow(): void {
    const turn = this.#follows++;
    const follower = turn % this.#followers.length;
    const round = Math.floor(turn / this.#followers.length);
    const device = deviceId((follower * 7 + (round >> 1)) % this.#shape.devices);
    this.#followers[follower]!.write(this.#wire.follow!(device, round % 2 === 0, turn));
  }

  #reconnect(): void {
    const index = this.#reconnectTurns++ % this.#reconnecters.length;
    const gone = this.#reconnecters[index];
    if (gone === undefined) return; // still on its way back
    this.#reconnects += 1;
    gone.drop();
    this.#reconnecters[index] = undefined;
    void open(this.#reconnecter(index)).then((back) => {
      this.#reconnecters[index] = back;
      if (this.#stopped) back.drop();
    });
  }

  /** A reader that is closed for its slowness comes back and is slow again. */
  async #slow(reader: number): Promise<void> {
    while (!this.#stopped) {
      await new Promise<void>((resolve, reject) => {
        const opening = this.#opening(
          `slow-${reader}`,
          followedDevices(this.#shape, reader * 20).map((device) => deviceId(device)),
        );
        open({ ...opening, onLost: () => resolve() }).then((connection) => {
          connection.readEvery(SLOW_READ_MS);
          this.#slowReaders[reader] = connection;
        }, reject);
      });
    }
  }

  /** Asks for the next replays, so that all have asked at the end of the window. @param elapsed share of the window */
  #replay({ subscribers, devices, events }: Replays, all: number, elapsed: number): void {
    for (; this.#replayersAsked < Math.min(1, elapsed) * subscribers; this.#replayersAsked++) {
      const first = this.#replayersAsked * devices;
      const ids = Array.from({ length: devices }, (_, n) => deviceId((first + n) % all));
      this.#unreplayed += devices * events;
      this.#replayers[this.#replayersAsked]!.write(replayRequest(ids, events));
    }
  }

  /** Leaves once it has what it asked for: what comes live is not its subject. */
  #replayer(index: number, { devices, events }: Replays): Opening {
    let missing = devices * events;
    return {
      ...this.#opening(`replayer-${index}`, []),
      wire: replayWire,
      onEvent: () => {
        if (missing === 0) return; // more than it asked for
        this.#replayed += 1;
        this.#unreplayed -= 1;
        missing -= 1;
        if (missing === 0) this.#replayers[index]!.drop();
      },
    };
  }

  /** More devices than a process may have connections. */
  async #openCrowd(devices: number): Promise<void> {
    for (let from = 0; from < devices; from += CROWD) {
      const to = Math.min(devices, from + CROWD);
      await new Promise<void>((taken, failed) => {
        open({
          ...this.#opening(`gateway-${from}`, []),
          wire: gatewayWire,
          url: new URL(this.#target.deviceUrl),
          onTold: () => taken(),
          onLost: (why) => failed(new Error(`gateway-${from}: ${why}`)),
        }).then((gateway) => {
          this.#crowd.push(gateway);
          for (let n = from; n < to; n++) gateway.write(gatewayPong(`crowd-${n}`, n === to - 1));
        }, failed);
      });
    }
    this.#filterer = await open({
      ...this.#opening('filterer', []),
      wire: filterWire,
      onTold: () => {
        this.#filterMs = (nowUs() - this.#filterFromUs) / 1e3;
      },
    });
  }

  #reconnecter(index: number) {
    return this.#opening(`reconnecter-${index}`, [deviceId(index % this.#shape.devices)]);
  }

  #opening(id: string, devices: readonly string[]): Opening {
    const url = new URL(this.#target.subscriberUrl);
    return { wire: this.#wire, url, token: '', role: 'subscriber', id, devices };
  }
}
