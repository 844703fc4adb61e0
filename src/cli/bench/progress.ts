/** One line on stderr that says how far the bench is: overwritten on a terminal, else one per stage. */
import { duration } from '../time.ts';
import type { Second } from './outcome.ts';

const REWRITE = '\r\u001b[2K';

export class ProgressLine {
  readonly #out = process.stderr;
  #stage = '';

  stage(what: string): void {
    this.#stage = what;
    if (this.#out.isTTY) this.#write(what);
    else this.#out.write(`${what}\n`);
  }

  /** @param leftMs until the end of the load */
  tick(leftMs: number, latest: Second | undefined): void {
    if (!this.#out.isTTY) return;
    const figures =
      latest === undefined
        ? this.#stage
        : `${latest.sent} events/s   ${latest.received} deliveries/s   p50 ${latest.p50Ms.toFixed(2)}   p99 ${latest.p99Ms.toFixed(2)} ms`;
    this.#write(`${figures}   ${duration(Math.ceil(leftMs / 1000) * 1000)} left`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#out.isTTY) this.#out.write(REWRITE);
  }

  #write(text: string): void {
    this.#out.write(REWRITE + text.slice(0, Math.max(0, this.#out.columns - 1)));
  }
}
