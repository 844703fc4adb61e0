/**
 * Where the owner rings an edge that sleeps on its event loop: a channel to each, made anew when the thread at either
 * end is. Main holds this.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { MAIN_EDGE } from './memory.ts';

export class Bells {
  readonly #edges: number;
  #mainEnd: MessagePort | undefined;
  /** By edge that runs: takes its end. */
  readonly #running = new Map<number, (end: MessagePort) => void>();

  /** @param edges all, main included */
  constructor(edges: number, wakeMain: () => void) {
    this.#edges = edges;
    this.#running.set(MAIN_EDGE, (end) => {
      this.#mainEnd?.close();
      this.#mainEnd = end.on('message', wakeMain);
      wakeMain();
    });
  }

  /**
   * For an owner that starts. What the one before it rang and nobody heard, everybody is woken for.
   * @returns by edge; undefined: it does not run, and tells the owner when it does
   */
  forOwner(): (MessagePort | undefined)[] {
    return Array.from({ length: this.#edges }, (_, edge) => {
      const deliver = this.#running.get(edge);
      if (deliver === undefined) return undefined;
      const { port1, port2 } = new MessageChannel();
      deliver(port2);
      return port1;
    });
  }

  /**
   * For an edge that starts.
   * @param tellOwner hands its end to the owner that there is, if there is one
   * @param deliver hands the edge another end, when another owner starts
   */
  forEdge(
    edge: number,
    tellOwner: (end: MessagePort) => void,
    deliver: (end: MessagePort) => void,
  ): MessagePort {
    this.#running.set(edge, deliver);
    const { port1, port2 } = new MessageChannel();
    tellOwner(port1);
    return port2;
  }

  edgeGone(edge: number): void {
    this.#running.delete(edge);
  }

  close(): void {
    this.#mainEnd?.close();
  }
}
