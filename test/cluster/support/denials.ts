/**
 * Pairs that operators deny and allow again while a cluster is in trouble: no event that a node received after the
 * answer to the denial may reach its subscriber.
 */
import { eventually } from '../../support/eventually.ts';
import type { Subscriber } from '../../support/peers.ts';
import type { Node } from './hub-cluster.ts';

/** Devices number what they send, over all of them: the number says when it was sent. */
interface Denial {
  readonly device: string;
  readonly subscriber: Subscriber;
  /** The last number before the denial was confirmed. */
  readonly after: number;
  /** The last one before it was lifted. */
  until: number;
}

export class Denials {
  readonly #denials: Denial[] = [];
  readonly #sent: () => number;

  /** @param sent the last number that was sent */
  constructor(sent: () => number) {
    this.#sent = sent;
  }

  get count(): number {
    return this.#denials.length;
  }

  /**
   * Denies a pair. What goes on before every node has confirmed is not looked at.
   * @param subscriber of the id, which follows the device
   * @returns lifts it again, at any node, and lets the subscriber follow again
   */
  async deny(
    by: Node,
    device: string,
    id: string,
    subscriber: Subscriber,
  ): Promise<(by: Node) => Promise<void>> {
    const path = `/v1/devices/${device}/subscribers/${id}`;
    await eventually(
      `${id} is denied ${device}`,
      () => isDone(by, 'PUT', path, { status: 'deny' }),
      CHANGE_MS,
    );
    const denial = { device, subscriber, after: this.#sent(), until: Number.POSITIVE_INFINITY };
    this.#denials.push(denial);
    return async (liftedBy) => {
      denial.until = this.#sent();
      await eventually(`${id} is allowed ${device}`, () => isDone(liftedBy, 'DELETE', path), CHANGE_MS);
      await eventually(`${id} follows ${device}`, async () => {
        const { errors = [] } = await subscriber.ask('subscribe', [device]);
        return (errors as readonly unknown[]).length === 0;
      });
    };
  }

  /** Every event that a denied subscriber got, in words. */
  problems(): string[] {
    return this.#denials.flatMap(({ device, subscriber, after, until }) =>
      subscriber
        .events(device)
        .filter(({ data }) => typeof data === 'number' && data > after && data <= until)
        .map(
          ({ data, seq }) => `${device} ${seq}: ${String(data)} was sent after ${after}, which was denied`,
        ),
    );
  }
}

/** NATS may be away, and a node too. */
const CHANGE_MS = 60_000;

async function isDone(by: Node, method: string, path: string, body?: unknown): Promise<boolean> {
  const answer = await by.admin(method, path, body === undefined ? {} : { body });
  if (method === 'DELETE' && answer.status === 404) return true; // an attempt before has removed it
  return answer.status === 200 && !('pendingNodes' in (answer.body as object));
}
