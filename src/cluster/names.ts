/**
 * Names of the cluster: its subjects, its bucket, and ids within them. Ids may contain dots, which separate tokens of a
 * NATS subject, so they are encoded as base64url. Pure; any thread.
 */
import { CLUSTER_NAME_ACCEPTED, isClusterName, isId } from '../wire/id.ts';

export interface ClusterNames {
  /** The subject for all nodes' beats. */
  readonly beats: string;
  readonly bucket: string;
  /** The mailbox of a node. */
  mailbox(node: string): string;
}

/** @param cluster one that `isClusterName` accepts @throws RangeError otherwise: a bug in the caller */
export function clusterNames(cluster: string): ClusterNames {
  if (!isClusterName(cluster)) throw new RangeError(`cluster "${cluster}": ${CLUSTER_NAME_ACCEPTED}`);
  return {
    beats: `dat.${cluster}.beat`,
    bucket: `dat_${cluster}`,
    mailbox: (node) => `dat.${cluster}.node.${encodeName(node)}`,
  };
}

/** Encodes an id for a subject or key of NATS. */
export function encodeName(id: string): string {
  return Buffer.from(id).toString('base64url');
}

/** @returns the id, undefined if the text is not the canonical base64url of an id */
export function decodeName(text: string): string | undefined {
  const id = Buffer.from(text, 'base64url').toString('latin1');
  return isId(id) && encodeName(id) === text ? id : undefined;
}
