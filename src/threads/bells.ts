/**
 * Where the owner rings a thread that sleeps on its event loop: a channel to main and one to each fan-out worker, made
 * anew when the thread at either end is. Main holds this.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** The owner's ends. */
export interface OwnerBells {
  readonly main: MessagePort;
  /** By worker. */
  readonly fanout: readonly MessagePort[];
}

export class Bells {
  readonly #wakeMain: () => void;
  readonly #workers: number;
  #mainEnd: MessagePort | undefined;
  /** By worker that runs: takes its end. */
  readonly #running = new Map<number, (end: MessagePort) => void>();
  /** By worker that does not run yet: its end. */
  readonly #waiting = new Map<number, MessagePort>();

  constructor(workers: number, wakeMain: () => void) {
    this.#workers = workers;
    this.#wakeMain = wakeMain;
  }

  /** For an owner that starts. What the one before it rang and nobody heard, everybody is woken for. */
  forOwner(): OwnerBells {
    const main = new MessageChannel();
    this.#mainEnd?.close();
    this.#mainEnd = main.port2.on('message', this.#wakeMain);
    this.#wakeMain();
    const fanout = Array.from({ length: this.#workers }, (_, worker) => {
      const { port1, port2 } = new MessageChannel();
      const deliver = this.#running.get(worker);
      if (deliver === undefined) this.#waiting.set(worker, port2);
      else deliver(port2);
      return port1;
    });
    return { main: main.port1, fanout };
  }

  /**
   * For a worker that starts.
   * @param tellOwner hands the owner its end, where it has none to this worker
   * @param deliver hands the worker another end, when another owner starts
   */
  forWorker(
    worker: number,
    tellOwner: (end: MessagePort) => void,
    deliver: (end: MessagePort) => void,
  ): MessagePort {
    this.#running.set(worker, deliver);
    const waiting = this.#waiting.get(worker);
    this.#waiting.delete(worker);
    if (waiting !== undefined) return waiting;
    const { port1, port2 } = new MessageChannel();
    tellOwner(port1);
    return port2;
  }

  workerGone(worker: number): void {
    this.#running.delete(worker);
  }

  close(): void {
    this.#mainEnd?.close();
    for (const end of this.#waiting.values()) end.close();
  }
}
