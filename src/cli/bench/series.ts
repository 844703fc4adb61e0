/** What the generator processes tell while they run, second by second. */
import { Histogram } from './histogram.ts';
import type { Progress } from './messages.ts';
import type { Second } from './outcome.ts';

interface Cell {
  sent: number;
  received: number;
  readonly latency: Histogram;
}

export class Series {
  #startUs = 0;
  #cells: (Cell | undefined)[] = [];

  /** @param startUs of the load, by `nowUs` */
  start(startUs: number): void {
    this.#startUs = startUs;
    this.#cells = [];
  }

  /** A process tells at its own moment of the second: it counts for the second that its report ends in. */
  add({ atUs, sent, received, latency }: Progress): void {
    const second = Math.floor((atUs - this.#startUs) / 1e6);
    if (second < 0) return;
    this.#cells[second] ??= { sent: 0, received: 0, latency: new Histogram() };
    const cell = this.#cells[second];
    cell.sent += sent;
    cell.received += received;
    cell.latency.merge(latency);
  }

  seconds(): Second[] {
    return Array.from(this.#cells, (cell, second) => secondOf(second, cell));
  }

  /** The last second that every process has told of; undefined at the beginning. */
  latest(): Second | undefined {
    const second = this.#cells.length - 2;
    return second < 0 ? undefined : secondOf(second, this.#cells[second]);
  }
}

function secondOf(second: number, cell: Cell | undefined): Second {
  if (cell === undefined) return { second, sent: 0, received: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };
  const { sent, received, latency } = cell;
  return {
    second,
    sent,
    received,
    p50Ms: latency.percentile(50) / 1e3,
    p99Ms: latency.percentile(99) / 1e3,
    maxMs: latency.max / 1e3,
  };
}
