/** Runs a simulated fleet until its time is over or the process is told to end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CliFailure, Exit } from '../failure.ts';
import { checkIds } from '../ids.ts';
import { interrupted } from '../interrupted.ts';
import { jsonLine, line, note } from '../output.ts';
import { randomOf } from './random.ts';
import type { Uplink, UplinkEvents } from './uplink.ts';
import { Vehicle } from './vehicle.ts';

/** More than one process of Node can play. */
export const DEVICES_MAX = 10_000;
export const RATE_MAX = 1000;
const EVENTS_PER_SECOND_MAX = 100_000;
const TICK_MS = 50;
/** A tick that comes later than this does not make up for more. */
const TICK_SECONDS_MAX = 0.25;
const REPORT_MS = 5000;

export interface FleetOptions {
  readonly devices: number;
  /** Events per second of each device; with `varied` their mean. */
  readonly rate: number;
  /** 0: until the process is told to end. */
  readonly seconds: number;
  /** The fleet is the same for the same seed. */
  readonly seed: number;
  /** Ids are the prefix and a number. */
  readonly prefix: string;
  readonly json?: boolean;
  /** true: rates from next to nothing to twice the mean. */
  readonly varied?: boolean;
}

/** @throws CliFailure when the fleet is more than one process can play, or its ids are none */
export function checkFleet({ devices, rate, prefix }: FleetOptions): void {
  if (devices * rate > EVENTS_PER_SECOND_MAX)
    throw new CliFailure(
      Exit.usage,
      `--devices × --rate is ${devices * rate} events per second; expected at most ${EVENTS_PER_SECOND_MAX}`,
    );
  checkIds([idOf(prefix, devices - 1)]);
}

const idOf = (prefix: string, n: number): string => `${prefix}${String(n + 1).padStart(3, '0')}`;

/** The ids of a fleet, the first one 001. */
export function fleetIds({ devices, prefix }: Pick<FleetOptions, 'devices' | 'prefix'>): string[] {
  return Array.from({ length: devices }, (_, n) => idOf(prefix, n));
}

/** @param open makes the way to the hub */
export async function runFleet(
  options: FleetOptions,
  open: (told: UplinkEvents) => Promise<Uplink>,
): Promise<void> {
  checkFleet(options);
  const { devices, rate, seconds, seed, varied = false } = options;
  const random = randomOf(seed);
  const vehicles = fleetIds(options).map(
    (id, n) => new Vehicle(id, varied ? (2 * rate * (n + 0.5)) / devices : rate, random),
  );
  const told = new Told();
  const uplink = await open(told);
  const stop = interrupted();
  for (const { id } of vehicles) uplink.enter(id);
  const startedAtMs = performance.now();
  const report = new Report(options, told, startedAtMs);
  let lastMs = startedAtMs;
  const endMs = seconds > 0 ? startedAtMs + seconds * 1000 : Number.POSITIVE_INFINITY;
  while (!stop.aborted && lastMs < endMs && told.failure === undefined) {
    await sleep(TICK_MS);
    const nowMs = performance.now();
    const passed = Math.min(TICK_SECONDS_MAX, (nowMs - lastMs) / 1000);
    lastMs = nowMs;
    for (const vehicle of vehicles) report.sent += vehicle.live(uplink, nowMs, passed);
    report.tick(nowMs, vehicles);
  }
  await uplink.close();
  if (told.failure !== undefined) throw told.failure;
  report.end();
}

class Told implements UplinkEvents {
  failure: CliFailure | undefined;
  refusals = 0;
  readonly #said = new Set<string>();

  refused(message: string): void {
    this.refusals += 1;
    this.#say(message);
  }

  lost(message: string): void {
    this.#say(message);
  }

  failed(failure: CliFailure): void {
    this.failure ??= failure;
  }

  /** Each message once: a fleet meets it hundreds of times. */
  #say(message: string): void {
    if (this.failure !== undefined || this.#said.has(message)) return;
    this.#said.add(message);
    note(`${message} (shown once)`);
  }
}

/** Prints how far the fleet is, every few seconds. */
class Report {
  sent = 0;
  readonly #options: FleetOptions;
  readonly #told: Told;
  readonly #startedAtMs: number;
  #nextAtMs: number;

  constructor(options: FleetOptions, told: Told, startedAtMs: number) {
    this.#options = options;
    this.#told = told;
    this.#startedAtMs = startedAtMs;
    this.#nextAtMs = startedAtMs + REPORT_MS;
  }

  tick(nowMs: number, vehicles: readonly Vehicle[]): void {
    if (nowMs < this.#nextAtMs) return;
    this.#nextAtMs += REPORT_MS;
    const { sent } = this;
    const { refusals: refused } = this.#told;
    const away = vehicles.filter(({ isAway }) => isAway).length;
    const seconds = Math.round((nowMs - this.#startedAtMs) / 1000);
    if (this.#options.json) jsonLine({ seconds, sent, refused, away });
    else line(`${seconds} s: ${this.#events()}, ${away} of ${vehicles.length} devices away`);
  }

  end(): void {
    if (this.#options.json) jsonLine({ sent: this.sent, refused: this.#told.refusals });
    else line(this.#events());
  }

  #events(): string {
    const { refusals } = this.#told;
    return `${this.sent} events sent${refusals === 0 ? '' : `, ${refusals} of them refused`}`;
  }
}
