/** The hubs of a demo: one alone, or several around a NATS server. */
import { environment } from '../connection.ts';
import { type DemoHub, startDemoHub } from './hub.ts';
import { natsServerPath, startDemoNats } from './nats.ts';

/** More than a laptop likes to run. */
export const DEMO_NODES_MAX = 9;

/** Ports that the system chooses. */
const FREE_PORTS = { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0', DAT_ADMIN_PORT: '0' } as const;

export interface DemoHubs {
  readonly hubs: readonly DemoHub[];
  /** Drains all hubs, then ends NATS. */
  stop(): Promise<void>;
}

/** The node id of a hub. @param n from 0 */
export const nodeId = (n: number): string => `demo-${n + 1}`;

/**
 * @param ports of the first hub; the others take free ones
 * @throws CliFailure when one does not start; those that did are ended first
 */
export async function startDemoHubs(
  ports: Readonly<Record<string, string>>,
  nodes: number,
): Promise<DemoHubs> {
  if (nodes === 1) {
    const hub = await startDemoHub(ports);
    return { hubs: [hub], stop: () => hub.stop() };
  }
  const nats = await startDemoNats(natsServerPath(environment('PATH')));
  const starts = await Promise.allSettled(
    Array.from({ length: nodes }, (_, n) =>
      startDemoHub({
        ...(n === 0 ? ports : FREE_PORTS),
        DAT_NODE_ID: nodeId(n),
        DAT_CLUSTER_NATS_URL: nats.url,
      }),
    ),
  );
  const hubs = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(hubs.map((hub) => hub.stop()));
    await nats.stop();
  };
  const failed = starts.find(({ status }) => status === 'rejected');
  if (failed?.status !== 'rejected') return { hubs, stop };
  await stop();
  throw failed.reason;
}
