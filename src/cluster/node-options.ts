/** What a node of the cluster is given. */
import type { Clock } from '../clock.ts';
import type { LinkCounts } from './figures.ts';
import type { ClusterHost } from './host.ts';

export interface NodeOptions {
  readonly clock: Clock;
  /** DAT_NODE_ID. */
  readonly node: string;
  /** Random, a safe integer above 0, another one for each start of the process. */
  readonly boot: number;
  /** Of the hub's code. */
  readonly version: string;
  /** DAT_CLUSTER_NODE_TIMEOUT_MS. */
  readonly timeoutMs: number;
  /** DAT_MAX_MESSAGE_BYTES. */
  readonly payloadBytesMax: number;
  /** What this hub has counted so far, and goes on counting; absent: nothing. */
  readonly figures?: LinkCounts;
  readonly host: ClusterHost;
  /** Hands a message for a node to NATS; it may get lost. */
  readonly send: (node: string, message: Uint8Array) => void;
  /** The same for every node, this one included. */
  readonly sendToAll: (message: Uint8Array) => void;
  /** Call `flush` soon: at once when the link was idle. */
  readonly flushSoon: () => void;
  /** Reads the bucket from now on to its end and obeys it, then calls back; tries until it can. */
  readonly readBucket: (done?: () => void) => void;
}
