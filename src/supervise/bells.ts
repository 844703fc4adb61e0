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
  /** By edge that does not run yet: its end. */
  readonly #waiting = new Map<number, MessagePort>();

  /** @param edges all, main included */
  constructor(edges: number, wakeMain: () => void) {
    this.#edges = edges;
    this.#running.set(MAIN_EDGE, (end) => {
      this.#mainEnd?.close();
      this.#mainEnd = end.on('message', wakeMain);
      wakeMain();
    });
  }

  /** For an owner that starts. What the one before it rang and nobody heard, everybody is woken for. @returns by edge */
  forOwner(): MessagePort[] {
    return Array.from({ length: this.#edges }, (_, edge) => {
      const { port1, port2 } = new MessageChannel();
      const deliver = this.#running.get(edge);
      if (deliver === undefined) this.#waiting.set(edge, port2);
      else deliver(port2);
      return port1;
    });
  }

  /**
   * For an edge that starts.
   * @param tellOwner hands the owner its end, where it has none to this edge
   * @param deliver hands the edge another end, when another owner starts
   */
  forEdge(
    edge: number,
    tellOwner: (end: MessagePort) => void,
    deliver: (end: MessagePort) => void,
  ): MessagePort {
    this.#running.set(edge, deliver);
    const waiting = this.#waiting.get(edge);
    this.#waiting.delete(edge);
    if (waiting !== undefined) return waiting;
    const { port1, port2 } = new MessageChannel();
    tellOwner(port1);
    return port2;
  }

  edgeGone(edge: number): void {
    this.#running.delete(edge);
  }

  close(): void {
    this.#mainEnd?.close();
    for (const end of this.#waiting.values()) end.close();
  }
}
