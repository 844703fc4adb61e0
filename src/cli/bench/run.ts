/** A load on a running hub: the generator processes are started once, and play the load at one rate after another. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../../package-root.ts';
import { nowUs } from './clock.ts';
import { Generator } from './generator.ts';
import { merged } from './histogram.ts';
import type { Load } from './load.ts';
import type { LoadTarget, ReceiverReport, SenderReport } from './messages.ts';
import { limitOf, type Outcome, reasonsOf, type Second, sumOver, totalsOf } from './outcome.ts';
import { grouped } from './report-text.ts';
import { Series } from './series.ts';

const generatorFile = fileURLToPath(packageFile('dist/src/cli/bench/generate.js'));

/** From the order to start until the start. */
export const LEAD_MS = 200;
const PROGRESS_MS = 1000;
/** A hub that was just overloaded may refuse new connections for a while. */
const RESTORE_TRIES = 10;
const RESTORE_PAUSE_MS = 1000;

export interface RunOptions {
  readonly target: LoadTarget;
  readonly load: Load;
  /** Of the generator: those that play the devices, and those that play the subscribers. */
  readonly processes: { readonly devices: number; readonly subscribers: number };
  /** Ends whatever is going on. */
  readonly stop: AbortSignal;
  /** Told what is done now. */
  stage(what: string): void;
  /** Told once a second while the load is played. */
  tick(leftMs: number, latest: Second | undefined): void;
}

export class LoadRun {
  readonly #options: RunOptions;
  /** One for all that is waited for: Node warns of a signal with many listeners. */
  readonly #aborted: Promise<never>;
  readonly #series = new Series();
  #senders: Generator<SenderReport>[] = [];
  #receivers: Generator<ReceiverReport>[] = [];
  #before = totalsOf([], []);
  /** Some peers are not connected any more. */
  #isCutOff = false;

  /** @throws Error when a peer cannot connect; all processes are ended then */
  static async open(options: RunOptions): Promise<LoadRun> {
    const run = new LoadRun(options);
    await run.#connect();
    return run;
  }

  private constructor(options: RunOptions) {
    this.#options = options;
    this.#aborted = aborted(options.stop);
    this.#aborted.catch(() => {}); // nobody may be waiting
  }

  /**
   * Plays the load once.
   * @param rate events per second of each device
   * @throws Error when a process fails, or `stop` is aborted
   */
  async play(rate: number, warmupMs: number, windowMs: number): Promise<Outcome> {
    const { load, stage } = this.#options;
    stage(warmupMs > 0 ? `warming up at ${grouped(rate * load.devices)} events/s` : 'starting');
    const startUs = nowUs() + LEAD_MS * 1e3;
    const window = { fromUs: startUs + warmupMs * 1e3, toUs: startUs + (warmupMs + windowMs) * 1e3 };
    this.#series.start(startUs);
    for (const part of [...this.#senders, ...this.#receivers]) part.window(window);
    for (const sender of this.#senders) sender.run({ fromUs: startUs, toUs: window.toUs }, rate);
    await this.#watch(window.toUs);
    const told = <Report>(parts: readonly Generator<Report>[]): Promise<Report[]> =>
      Promise.race([Promise.all(parts.map((part) => part.report())), this.#aborted]);
    const sent = await told(this.#senders);
    stage('waiting for the last events');
    const received = await told(this.#receivers);
    return this.#outcome({ ...load, rate }, windowMs, sent, received);
  }

  /**
   * Connects all peers again if some were cut off: in what is played next these would miss, at any rate.
   * @throws Error when a peer cannot connect, or `stop` is aborted
   */
  async restore(): Promise<void> {
    if (!this.#isCutOff) return;
    const { stop } = this.#options;
    for (let left = RESTORE_TRIES - 1; ; left--) {
      this.close(); // first: the hub may have no room for all of them twice
      const gone = [...this.#senders, ...this.#receivers].map((part) => part.ended());
      await Promise.race([Promise.all(gone), this.#aborted]);
      try {
        await this.#connect();
        break;
      } catch (error) {
        if (left === 0 || stop.aborted) throw error;
      }
      await sleep(RESTORE_PAUSE_MS, undefined, { signal: stop });
    }
    this.#before = totalsOf([], []);
    this.#isCutOff = false;
  }

  close(): void {
    for (const part of [...this.#senders, ...this.#receivers]) part.end();
  }

  /** @throws Error when a peer cannot connect; all processes are ended then */
  async #connect(): Promise<void> {
    const { load, processes, stage } = this.#options;
    this.#senders = [];
    this.#receivers = [];
    try {
      stage(`connecting ${grouped(load.subscribers)} subscribers`);
      await this.#openAll('receiver', this.#receivers, processes.subscribers);
      stage(`connecting ${grouped(load.devices)} devices`);
      await this.#openAll('sender', this.#senders, processes.devices);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  async #openAll<Report>(part: string, into: Generator<Report>[], processes: number): Promise<void> {
    const { target, load } = this.#options;
    for (let index = 0; index < processes; index++)
      into.push(new Generator<Report>(generatorFile, part, (progress) => this.#series.add(progress)));
    const opened = into.map((generator, index) =>
      generator.open({ target, load, share: { index, of: processes } }),
    );
    await Promise.race([Promise.all(opened), this.#aborted]);
  }

  async #watch(untilUs: number): Promise<void> {
    for (;;) {
      const leftMs = (untilUs - nowUs()) / 1e3;
      if (leftMs <= 0) return;
      await sleep(Math.min(leftMs, PROGRESS_MS), undefined, { signal: this.#options.stop });
      this.#options.tick(Math.max(0, (untilUs - nowUs()) / 1e3), this.#series.latest());
    }
  }

  #outcome(
    load: Load,
    windowMs: number,
    sent: readonly SenderReport[],
    received: readonly ReceiverReport[],
  ): Outcome {
    const totals = totalsOf(sent, received);
    const before = this.#before;
    this.#before = totals;
    const since = (name: keyof typeof totals): number => Math.max(0, totals[name] - before[name]);
    this.#isCutOff = totals.cutOff > 0;
    const [refused, cutOff] = [since('refused'), since('cutOff')];
    const seconds = windowMs / 1e3;
    const windows = received.flatMap((report) => report.windows);
    return {
      load,
      seconds,
      sent: since('sent'),
      unsent: since('unsent'),
      expected: since('expected'),
      delivered: since('delivered'),
      lost: since('lost'),
      told: since('told'),
      doubled: since('doubled'),
      disordered: since('disordered'),
      refused,
      cutOff,
      eventsPerSecond: sumOver(sent)((report) => report.sent[0] ?? 0) / seconds,
      deliveriesPerSecond: sumOver(windows)((window) => window.received) / seconds,
      latency: merged(windows.map(({ latency }) => latency)).pack(),
      series: this.#series.seconds(),
      generatorLimit: limitOf(sent, received),
      reasons: reasonsOf(sent, received, { refused, cutOff }),
    };
  }
}

/** Never settles, or rejects when the signal is aborted. */
function aborted(stop: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (stop.aborted) reject(stop.reason);
    stop.addEventListener('abort', () => reject(stop.reason), { once: true });
  });
}
