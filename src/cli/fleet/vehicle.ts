/** One simulated device: what it sends in a moment, and when it drops out. Pure but for the random numbers. */
import type { Uplink } from './uplink.ts';

const STATUSES = ['idle', 'driving', 'charging', 'locked', 'maintenance'] as const;
/** Per second. */
const STATUS_CHANCE = 0.03;
const DROP_CHANCE = 0.004;
const AWAY_MS_MAX = 8000;

export class Vehicle {
  readonly id: string;
  /** Events per second. */
  readonly #rate: number;
  readonly #random: () => number;
  #battery: number;
  #speed = 0;
  /** When it comes back, ms; 0 while it is there. */
  #awayUntilMs = 0;

  constructor(id: string, rate: number, random: () => number) {
    this.id = id;
    this.#rate = rate;
    this.#random = random;
    this.#battery = 20 + random() * 80;
  }

  get isAway(): boolean {
    return this.#awayUntilMs > 0;
  }

  /** Lives for a moment of `seconds`. @returns the number of events it sent */
  live(uplink: Uplink, nowMs: number, seconds: number): number {
    if (this.isAway) {
      if (nowMs < this.#awayUntilMs) return 0;
      this.#awayUntilMs = 0;
      uplink.enter(this.id);
    }
    if (this.#random() < DROP_CHANCE * seconds) {
      this.#awayUntilMs = nowMs + this.#random() * AWAY_MS_MAX;
      uplink.leave(this.id);
      return 0;
    }
    if (!uplink.isConnected(this.id)) return 0;
    let events = 0;
    if (this.#random() < STATUS_CHANCE * seconds) {
      uplink.status(this.id, STATUSES[Math.floor(this.#random() * STATUSES.length)] ?? 'idle');
      events += 1;
    }
    // Each moment has its share of the rate; the rest below one event is drawn.
    const due = this.#rate * seconds;
    const count = Math.floor(due) + (this.#random() < due % 1 ? 1 : 0);
    for (let n = 0; n < count; n++) uplink.message(this.id, this.#measure());
    return events + count;
  }

  #measure(): object {
    this.#speed = Math.max(0, Math.min(30, this.#speed + (this.#random() - 0.5) * 4));
    this.#battery = Math.max(1, this.#battery - this.#random() * 0.02);
    return {
      speed: Number(this.#speed.toFixed(1)),
      battery: Math.round(this.#battery),
      noise: Number(this.#random().toFixed(4)),
    };
  }
}
