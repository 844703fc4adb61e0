/** Options and dependencies of a cluster node. */
import type { Clock } from '../clock.ts';
import type { LinkCounts } from './figures.ts';
import type { ClusterHost } from './host.ts';

export interface NodeOptions {
  readonly clock: Clock;
  /** DAT_NODE_ID. */
  readonly node: string;
  /** Random, a safe integer above 0, different for each start of the process. */
  readonly boot: number;
  /** Of the hub's code. */
  readonly version: string;
  /** DAT_CLUSTER_NODE_TIMEOUT_MS. */
  readonly timeoutMs: number;
  /** DAT_MAX_MESSAGE_BYTES. */
  readonly payloadBytesMax: number;
  /** The hub's counts so far, which are continued; absent: all 0. */
  readonly figures?: LinkCounts;
  readonly host: ClusterHost;
  /** Passes a message for a node to NATS; it may get lost. */
  readonly send: (node: string, message: Uint8Array) => void;
  /** The same for every node, this one included. */
  readonly sendToAll: (message: Uint8Array) => void;
  /** Asks for `flush` soon: at once if the link was idle. */
  readonly flushSoon: () => void;
  /** Reads the whole bucket as it is from now on and applies it, then calls back; retries until that succeeds. */
  readonly readBucket: (done?: () => void) => void;
}
