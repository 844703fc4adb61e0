/** `dat cluster`: the nodes of a cluster. */
import { Admin } from '../admin.ts';
import { examples, Group, type JsonOption, jsonOption, type Register } from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { jsonLine, line, table } from '../output.ts';
import { duration } from '../time.ts';

export const register: Register = (dat) => {
  withHub(dat.command('cluster').helpGroup(Group.look), 'admin')
    .description('list the nodes of the cluster')
    .addOption(jsonOption())
    .addHelpText('after', examples('dat cluster', 'dat cluster --json'))
    .action(cluster);
};

interface Node {
  readonly node: string;
  readonly version: string;
  /** Wall-clock ms. */
  readonly startedAt: number;
  readonly devices: number;
  readonly subscribers: number;
  readonly eventsPerSecond: number;
  /** null for the node that was asked. */
  readonly roundTripMs: number | null;
}

async function cluster(options: HubOptions & JsonOption): Promise<void> {
  const admin = new Admin(options);
  const { nodes } = await admin.ask<{ readonly nodes: readonly Node[] }>('GET', '/v1/cluster');
  if (options.json) {
    for (const node of nodes) jsonLine(node);
    return;
  }
  const cells = nodes.map((node) => [
    node.node,
    node.version,
    duration(Math.max(0, admin.now() - node.startedAt)),
    String(node.devices),
    String(node.subscribers),
    node.eventsPerSecond.toFixed(0),
    node.roundTripMs === null ? 'asked' : `${node.roundTripMs.toFixed(1)} ms`,
  ]);
  line(table(['NODE', 'VERSION', 'UP', 'DEVICES', 'SUBSCRIBERS', 'EVENTS/S', 'ROUND TRIP'], cells));
}
