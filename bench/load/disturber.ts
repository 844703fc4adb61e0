/** What a run's second window adds to the steady load, in a process of its own. */
import { busyShare, busySince, type Since } from '../../src/cli/bench/busy.ts';
import { nowUs } from '../../src/cli/bench/clock.ts';
import { type Connection, type Opening, open, openAll } from '../../src/cli/bench/connections.ts';
import { deviceId, followed } from '../../src/cli/bench/load.ts';
import type { Order, Target, Window } from '../../src/cli/bench/messages.ts';
import type { Part } from '../../src/cli/bench/part.ts';
import type { Wire } from '../../src/cli/bench/wires/wire.ts';
import type { Shape } from './shapes.ts';
import { type WireName, wires } from './wires/index.ts';

const FOLLOWERS = 100;
const RECONNECTERS = 400;
const STEP_MS = 5;
/** Of a few hundred KiB each: a reader that wants a megabyte per second and takes a quarter of it. */
const SLOW_READ_MS = 1000;

export interface DisturberReport {
  readonly follows: number;
  readonly reconnects: number;
  readonly busy: number;
}

export class Disturber implements Part {
  readonly #shape: Shape;
  readonly #target: Target;
  readonly #wire: Wire;
  #followers: Connection[] = [];
  #reconnecters: (Connection | undefined)[] = [];
  readonly #slowReaders: Connection[] = [];
  #stopped = false;
  #follows = 0;
  #reconnects = 0;
  readonly #since: Since = busySince();

  static async open({ target, load }: Order): Promise<Disturber> {
    const shape = load as Shape; // as the controller of this folder sends it
    const disturber = new Disturber(target, shape);
    const { followsPerSecond = 0, reconnectsPerSecond = 0 } = shape.disturbance ?? {};
    const beside = (name: string) => (index: number) => disturber.#opening(`${name}-${index}`, []);
    disturber.#followers = await openAll(followsPerSecond > 0 ? FOLLOWERS : 0, beside('follower'));
    disturber.#reconnecters = await openAll(reconnectsPerSecond > 0 ? RECONNECTERS : 0, (index) =>
      disturber.#reconnecter(index),
    );
    return disturber;
  }

  private constructor(target: Target, shape: Shape) {
    this.#target = target;
    this.#shape = shape;
    this.#wire = wires[target.wire as WireName];
  }

  window(): void {}

  progress(): undefined {}

  async run({ toUs }: Window): Promise<void> {
    const { followsPerSecond = 0, reconnectsPerSecond = 0, slowReaders = 0 } = this.#shape.disturbance ?? {};
    for (let reader = 0; reader < slowReaders; reader++) void this.#slow(reader);
    const fromUs = nowUs();
    while (!this.#stopped && nowUs() < toUs) {
      const seconds = (nowUs() - fromUs) / 1e6;
      while (this.#follows < followsPerSecond * seconds) this.#follow();
      while (this.#reconnects < reconnectsPerSecond * seconds) this.#reconnect();
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
  }

  async report(): Promise<DisturberReport> {
    return {
      follows: this.#follows,
      reconnects: this.#reconnects,
      busy: busyShare(this.#since),
    };
  }

  close(): void {
    this.#stopped = true;
    for (const connection of [...this.#followers, ...this.#reconnecters, ...this.#slowReaders])
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
    const index = this.#reconnects++ % this.#reconnecters.length;
    const gone = this.#reconnecters[index];
    if (gone === undefined) return; // still on its way back
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
          followed(this.#shape, reader * 20).map((device) => deviceId(device)),
        );
        open({ ...opening, onLost: () => resolve() }).then((connection) => {
          connection.readEvery(SLOW_READ_MS);
          this.#slowReaders[reader] = connection;
        }, reject);
      });
    }
  }

  #reconnecter(index: number) {
    return this.#opening(`reconnecter-${index}`, [deviceId(index % this.#shape.devices)]);
  }

  #opening(id: string, devices: readonly string[]): Opening {
    const url = new URL(this.#target.subscriberUrl);
    return { wire: this.#wire, url, token: '', role: 'subscriber', id, devices };
  }
}
