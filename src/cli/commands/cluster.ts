/** `dat cluster`: the nodes of a cluster. */
import type { ClusterAnswer } from '../../admin/schemas.ts';
import { Admin } from '../admin.ts';
import { examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { type HubOptions, withHub } from '../connection.ts';
import { jsonLine, line, table } from '../output.ts';
import { duration } from '../time.ts';

export const register: RegisterCommand = (dat) => {
  withHub(dat.command('cluster').helpGroup(Group.look), 'admin')
    .description(
      'List the nodes of the cluster, with the events that each has sent to and received from other nodes since it ' +
        'started, and the gaps in these that its subscribers got. A node that disappears without a goodbye is listed ' +
        'as lost for a minute.',
    )
    .summary('list the nodes of the cluster')
    .addOption(jsonOption())
    .addHelpText('after', examples('dat cluster', 'dat cluster --json'))
    .action(cluster);
};

async function cluster(options: HubOptions & JsonOption): Promise<void> {
  const admin = new Admin(options);
  const { state, nodes, lost } = await admin.ask<ClusterAnswer>('GET', '/v1/cluster');
  if (options.json) {
    for (const node of nodes) jsonLine(node);
    return;
  }
  const cells = nodes.map((node) => [
    nameOf(node),
    node.version,
    duration(Math.max(0, admin.now() - node.started)),
    String(node.devices),
    String(node.subscribers),
    node.eventsPerSecond.toFixed(0),
    node.roundTripMs === null ? 'asked' : `${node.roundTripMs.toFixed(1)} ms`,
    String(node.eventsSent),
    String(node.eventsReceived),
    String(node.gaps),
  ]);
  // `disconnected`: the nodes are those that were known when NATS went away.
  if (state !== 'connected') line(`cluster: ${state}`);
  line(table(columns, [...cells, ...lost.map((id) => [`${id} (lost)`])]));
}

const columns = [
  ...['NODE', 'VERSION', 'UP', 'DEVICES', 'SUBSCRIBERS', 'EVENTS/S', 'ROUND TRIP'],
  ...['SENT', 'RECEIVED', 'GAPS'],
];

function nameOf({ id, draining, phase }: ClusterAnswer['nodes'][number]): string {
  if (draining) return `${id} (draining)`;
  return phase === 'in' ? id : `${id} (${phase})`;
}
