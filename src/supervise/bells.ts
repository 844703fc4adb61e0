/**
 * The channels through which the owner wakes edges that sleep on their event loops: one to each, replaced when the
 * thread at either end is. Main holds this.
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
   * For an owner that starts. Wakes all edges, because rings of the previous owner may be lost. @returns by edge;
   * undefined: the edge does not run, and tells the owner when it does
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
   * For an edge that starts. @param tellOwner passes its end to the current owner, if there is one @param deliver
   * passes the edge a new end when another owner starts
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
