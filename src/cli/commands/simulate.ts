/** `dat simulate`: a fleet with changing statuses, drop-outs and noise, for demos and trials. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { connectDevice, type Device } from '../../client/index.ts';
import { peerToken, type UrlOptions, urlOf } from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { jsonLine, line, note } from '../output.ts';
import { checkIds, lasting } from './follow.ts';

export interface SimulateOptions extends UrlOptions {
  readonly devices: number;
  /** Events per second of each. */
  readonly rate: number;
  /** 0: until it is ended. */
  readonly seconds: number;
  readonly seed: number;
  readonly prefix: string;
  readonly json?: boolean;
  /** Default: `DAT_TOKEN`. */
  readonly token?: string;
}

const STATUSES = ['idle', 'driving', 'charging', 'locked', 'maintenance'] as const;
const TICK_MS = 50;
/** A tick that comes later than this makes up for no more. */
const PASSED_SECONDS_MAX = 0.25;
const EVENTS_PER_SECOND_MAX = 100_000;
const REPORT_MS = 5000;
/** Of a device, per second. */
const STATUS_CHANCE = 0.03;
const DROP_CHANCE = 0.004;
const AWAY_MS_MAX = 8000;

interface Vehicle {
  readonly id: string;
  battery: number;
  speed: number;
  /** When it comes back, ms; 0 while it is there. */
  awayUntil: number;
  device: Device | undefined;
}

/** Runs the fleet until its time is over or the process is told to end. */
export async function simulate(options: SimulateOptions): Promise<void> {
  const { devices, rate, seconds, seed, prefix, json } = options;
  const url = urlOf('device', options);
  const { token = peerToken() } = options;
  if (token !== '' && devices > 1)
    throw new CliFailure(
      Exit.usage,
      'a token is for one device: use --devices 1, or a hub without authentication',
    );
  if (devices * rate > EVENTS_PER_SECOND_MAX)
    throw new CliFailure(
      Exit.usage,
      `--devices × --rate: ${devices * rate} events per second; at most ${EVENTS_PER_SECOND_MAX} are accepted`,
    );
  const idOf = (n: number): string => `${prefix}${String(n + 1).padStart(3, '0')}`;
  checkIds([idOf(devices - 1)]);
  const random = randomOf(seed);
  const fleet: Vehicle[] = Array.from({ length: devices }, (_, n) => ({
    id: idOf(n),
    battery: 20 + random() * 80,
    speed: 0,
    awayUntil: 0,
    device: undefined,
  }));
  let failure: CliFailure | undefined;
  const enter = (vehicle: Vehicle): void => {
    const device = connectDevice({
      url,
      id: vehicle.id,
      WebSocket,
      queueLimit: 10,
      ...(token !== '' && { token }),
    });
    device.on('state', (state) => {
      if (state.state !== 'waiting' && state.state !== 'closed') return;
      if (sent === 0 && state.error !== undefined) failure ??= lasting(state.error, url, 'device');
      if (failure === undefined) say(state.error?.message);
    });
    device.on('error', ({ message }) => {
      refused += 1;
      say(message);
    });
    vehicle.device = device;
  };
  let sent = 0;
  let refused = 0;
  const told = new Set<string>();
  /** Each trouble once: a fleet has it hundreds of times. */
  const say = (trouble: string | undefined): void => {
    if (trouble === undefined || told.has(trouble)) return;
    told.add(trouble);
    note(`from now on: ${trouble}`);
  };
  let isEnding = false;
  const end = (): void => {
    isEnding = true;
  };
  process.once('SIGINT', end).once('SIGTERM', end);
  for (const vehicle of fleet) enter(vehicle);
  const startedAt = performance.now();
  let reportAt = startedAt + REPORT_MS;
  let last = startedAt;
  while (!isEnding && failure === undefined) {
    await sleep(TICK_MS);
    const now = performance.now();
    const passed = Math.min(PASSED_SECONDS_MAX, (now - last) / 1000);
    last = now;
    for (const vehicle of fleet) sent += live(vehicle, now, passed);
    if (now >= reportAt) {
      reportAt += REPORT_MS;
      const away = fleet.filter(({ awayUntil }) => awayUntil > 0).length;
      const ranSeconds = Math.round((now - startedAt) / 1000);
      if (json) jsonLine({ seconds: ranSeconds, sent, refused, away });
      else line(`${ranSeconds} s: ${events()}, ${away} of ${devices} devices away`);
    }
    if (seconds > 0 && now - startedAt >= seconds * 1000) isEnding = true;
  }
  await Promise.all(fleet.map(({ device }) => device?.close()));
  if (failure !== undefined) throw failure;
  if (json) jsonLine({ sent, refused });
  else line(events());

  function events(): string {
    return `${sent} events sent${refused === 0 ? '' : `, ${refused} of them refused`}`;
  }

  /** A moment of one vehicle. @returns the events it sent */
  function live(vehicle: Vehicle, now: number, passed: number): number {
    if (vehicle.awayUntil > 0) {
      if (now < vehicle.awayUntil) return 0;
      vehicle.awayUntil = 0;
      enter(vehicle);
    }
    const { device } = vehicle;
    if (device === undefined) return 0;
    if (random() < DROP_CHANCE * passed) {
      vehicle.awayUntil = now + random() * AWAY_MS_MAX;
      void device.close();
      return 0;
    }
    if (device.state !== 'connected') return 0;
    let events = 0;
    if (random() < STATUS_CHANCE * passed) {
      void device.status(STATUSES[Math.floor(random() * STATUSES.length)] ?? 'idle');
      events += 1;
    }
    // Each tick has its share of the rate; what is left over is drawn.
    const due = rate * passed;
    const count = Math.floor(due) + (random() < due % 1 ? 1 : 0);
    for (let n = 0; n < count; n++) {
      vehicle.speed = Math.max(0, Math.min(30, vehicle.speed + (random() - 0.5) * 4));
      vehicle.battery = Math.max(1, vehicle.battery - random() * 0.02);
      const speed = Number(vehicle.speed.toFixed(1));
      void device.message({
        speed,
        battery: Math.round(vehicle.battery),
        noise: Number(random().toFixed(4)),
      });
      events += 1;
    }
    return events;
  }
}

/** mulberry32: the same fleet for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
