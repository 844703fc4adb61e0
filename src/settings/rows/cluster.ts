/** Settings of the group Cluster. */
import { clusterName, idOrNone, natsUrls, text, wholeNumber } from '../kinds.ts';
import { row } from '../row.ts';

export const clusterRows = {
  clusterNatsUrl: row({
    kind: natsUrls,
    default: [] as readonly string[],
    defaultText: 'none',
    group: 'Cluster',
    meaning:
      'NATS servers that make hubs with the same `DAT_CLUSTER_NAME` one system, such as `nats://host:4222` or ' +
      '`tls://user:password@host:4222`. They need JetStream. Without it the hub is alone and loads none of the ' +
      "cluster's code.",
  }),
  clusterNatsCredsFile: row({
    kind: text('the path of a file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Cluster',
    meaning: 'NATS credentials file (`.creds`) that the hub signs in with.',
  }),
  clusterName: row({
    kind: clusterName,
    default: 'dat',
    group: 'Cluster',
    meaning:
      'Name of the cluster. Hubs with the same name are one system; several clusters may share a NATS server.',
  }),
  nodeId: row({
    kind: idOrNone(''),
    default: '',
    defaultText: 'generated',
    group: 'Cluster',
    meaning:
      'Name of this hub within its cluster, the same after a restart, such as the name of its pod. No two hubs of a ' +
      'cluster may have the same.',
  }),
  clusterReplicas: row({
    kind: wholeNumber(1, 5, 'replicas'),
    default: 1,
    group: 'Cluster',
    meaning:
      'Number of NATS servers that keep a copy of what operators set. Only matters when the bucket is created; use 3 ' +
      'with a NATS cluster.',
  }),
  clusterNodeTimeoutMs: row({
    kind: wholeNumber(500, 300_000, 'ms'),
    default: 5000,
    group: 'Cluster',
    meaning: 'Silence after which a node of the cluster is lost. All nodes need the same value.',
  }),
} as const;
