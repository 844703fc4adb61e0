/** `dat top`: what the hub does, second by second, from the stream that the dashboard reads. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveFigures } from '../../admin/live-schemas.ts';
import { Admin } from '../admin.ts';
import { examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { interrupted } from '../interrupted.ts';
import { jsonLine, line, note, styled } from '../output.ts';
import { type Chosen, firstOrders, nextOrder } from '../top/orders.ts';
import { screenLines } from '../top/screen.ts';
import { figuresOf } from '../top/stream.ts';
import { Terminal } from '../top/terminal.ts';

export const register: RegisterCommand = (dat) => {
  withHub(dat.command('top').helpGroup(Group.look), 'admin')
    .summary('show what the hub is doing')
    .description(
      'Show what the hub is doing: rates, latency, threads, busiest devices, slow subscribers. On a terminal: q ' +
        'quits; t, d and s change the order of the threads, devices and slow subscribers.',
    )
    .addOption(jsonOption())
    .option('--once', 'print it once and exit')
    .addHelpText('after', examples('dat top', 'dat top --once --json | jq .latency'))
    .action(top);
};

interface TopOptions extends HubOptions, JsonOption {
  /** Ends after the first full figures. */
  readonly once?: boolean;
}

const RETRY_MS = 1000;
const KEYS = 'q quit   t d s change the order of threads, devices, slow subscribers';

/** Where the figures go. */
interface Display {
  show(figures: LiveFigures): void;
  /** There are no figures at the moment. */
  trouble(message: string): void;
  close(): void;
}

async function top(options: TopOptions): Promise<void> {
  const admin = new Admin(options);
  const leaving = new AbortController();
  const signal = AbortSignal.any([interrupted(), leaving.signal]);
  const isScreen = process.stdout.isTTY === true && !options.json && !options.once;
  const display = isScreen ? new ScreenDisplay(() => leaving.abort()) : new LineDisplay(options);
  let hasShown = false;
  try {
    while (!signal.aborted) {
      try {
        for await (const figures of figuresOf(await admin.fetch('/v1/live', { signal }))) {
          if (figures.rates === null) continue; // the first has nothing to compare with
          display.show(figures);
          hasShown = true;
          if (options.once) return;
        } // the hub ends a stream now and then, so that it can check the token again
      } catch (error) {
        if (signal.aborted) return;
        const isPassing = error instanceof CliFailure ? error.exit === Exit.unavailable : true;
        if (!hasShown || !isPassing) throw error;
        display.trouble(error instanceof CliFailure ? error.message : 'the connection was lost');
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  } finally {
    leaving.abort(); // a stream that is still open
    display.close();
  }
}

class LineDisplay implements Display {
  readonly #json: boolean;

  constructor({ json = false }: JsonOption) {
    this.#json = json;
  }

  show(figures: LiveFigures): void {
    if (this.#json) jsonLine(figures);
    else line(screenLines(figures, firstOrders).join('\n'));
  }

  trouble(message: string): void {
    note(message);
  }

  close(): void {}
}

class ScreenDisplay implements Display {
  readonly #terminal: Terminal;
  #figures: LiveFigures | undefined;
  #trouble = '';
  #orders: Chosen = firstOrders;

  constructor(quit: () => void) {
    this.#terminal = new Terminal((key) => {
      if (key === 'q') quit();
      this.#orders = nextOrder(this.#orders, key);
      this.#draw();
    });
  }

  show(figures: LiveFigures): void {
    if (this.#figures === undefined) this.#terminal.open();
    this.#figures = figures;
    this.#trouble = '';
    this.#draw();
  }

  trouble(message: string): void {
    this.#trouble = message;
    this.#draw();
  }

  close(): void {
    this.#terminal.close();
  }

  #draw(): void {
    if (this.#figures === undefined) return;
    const last = this.#trouble === '' ? styled('dim', KEYS) : styled('red', this.#trouble);
    this.#terminal.draw(screenLines(this.#figures, this.#orders), last);
  }
}
