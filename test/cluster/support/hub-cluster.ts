/** Hubs as processes around one NATS server: each with peers that connect to it. */
import { type AdminRequest, admin } from '../../support/admin.ts';
import { eventually } from '../../support/eventually.ts';
import type { Frame } from '../../support/frames.ts';
import { type Env, type HubProcess, startHub } from '../../support/hub-process.ts';
import { Device, Subscriber } from '../../support/peers.ts';

/** A hub of a cluster. */
export class Node {
  readonly hub: HubProcess;
  readonly name: string;

  constructor(hub: HubProcess, name: string) {
    this.hub = hub;
    this.name = name;
  }

  /** A device that was welcomed. */
  async device(id: string, query = ''): Promise<Device> {
    const device = await Device.connect(this.hub.devicePort, `?id=${id}${query}`);
    await device.welcome();
    return device;
  }

  /** A subscriber that was welcomed. */
  async subscriber(id: string, query = ''): Promise<Subscriber> {
    const subscriber = await Subscriber.connect(this.hub.subscriberPort, `?id=${id}${query}`);
    await subscriber.welcome();
    return subscriber;
  }

  admin(method: string, path: string, request?: AdminRequest): ReturnType<typeof admin> {
    return admin(this.hub.adminPort, method, path, request);
  }

  /** A change that is made again while the node says that it cannot: on a busy host it may miss its own beats. */
  async operate(method: string, path: string, request?: AdminRequest): ReturnType<typeof admin> {
    let answer = await this.admin(method, path, request);
    const what = () => `${method} ${path} is taken, not ${answer.status} ${JSON.stringify(answer.body)}`;
    await eventually(what, async () => {
      if (answer.status === 503) answer = await this.admin(method, path, request);
      return answer.status !== 503;
    });
    return answer;
  }

  /** A change that may be made any number of times: again until no node is left that did not confirm it in time. */
  async obeyed(path: string, body: unknown): ReturnType<typeof admin> {
    let answer = await this.operate('PUT', path, { body });
    await eventually(`all nodes obey ${path}`, async () => {
      if ('pendingNodes' in (answer.body as object)) answer = await this.operate('PUT', path, { body });
      return !('pendingNodes' in (answer.body as object));
    });
    return answer;
  }
}

/** Short enough that a test of lost nodes does not take long, long enough for a busy host. */
const TIMEOUT_MS = 3000;

/** For nodes none of which is to be lost: none is, however long the host lets it stand still. */
export const NOBODY_IS_LOST: Env = { DAT_CLUSTER_NODE_TIMEOUT_MS: '40000' };

/** What nodes must answer each other within, or what is asked is answered without them (wire contract). */
export const ANSWER_MS = 1000;

/** `npm run test:cluster`, or a run that says for how long its chaos lasts: then what takes long is tested too. */
export const isLongRun = process.env['CLUSTER_CHAOS_SECONDS'] !== undefined;

export async function startNode(url: string, name: string, env: Env = {}): Promise<Node> {
  const hub = await startHub({
    DAT_CLUSTER_NATS_URL: url,
    DAT_NODE_ID: name,
    DAT_CLUSTER_NODE_TIMEOUT_MS: String(TIMEOUT_MS),
    DAT_DEVICE_LEAVE_GRACE_MS: '1000',
    ...env,
  });
  return new Node(hub, name);
}

export interface Entry {
  readonly device: string;
  readonly epoch: string;
  readonly seq: number;
}

/**
 * Subscribes to a device of another node that has had an event acknowledged, and waits until its home has answered: where
 * that takes more than a second, the entry comes later. From then on nothing that the device sends is missed.
 */
export async function follow(subscriber: Subscriber, id: string): Promise<Entry> {
  const entryOf = ({ devices = [] }: Pick<Frame, 'devices'>): Entry | undefined =>
    (devices as readonly Entry[]).find(({ device, seq }) => device === id && seq > 0);
  const answered = entryOf(await subscriber.subscribe(id));
  if (answered !== undefined) return answered;
  const later = await subscriber.frames.next(
    (frame) => frame.op === 'subscribed' && entryOf(frame) !== undefined,
  );
  return entryOf(later)!;
}

/** All pages of a listing. */
export async function everything(node: Node, path: string, key: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const at: string = cursor === '' ? '' : `${path.includes('?') ? '&' : '?'}cursor=${cursor}`;
    const { status, body } = await node.admin('GET', `${path}${at}`);
    if (status !== 200) throw new Error(`${path}: ${status}`);
    const page = body as { readonly cursor: string | null } & Record<string, unknown>;
    found.push(...(page[key] as unknown[]));
    cursor = page.cursor;
  }
  return found;
}
