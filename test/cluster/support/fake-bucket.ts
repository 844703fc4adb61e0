/** Entries of the bucket, a watch of it that brings what a test gives it, and a node that reads it. No assertions. */
import type { NatsConnection } from '@nats-io/transport-node';
import { createLinkCounts } from '../../../src/cluster/figures.ts';
import { Operators, type OperatorsDeps } from '../../../src/cluster/operators.ts';

export interface BucketEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
  readonly operation: 'PUT';
  readonly delta: number;
}

/** @param value as JSON */
export function bucketEntry(key: string, revision: number, value: object): BucketEntry {
  return { key, revision, value: Buffer.from(JSON.stringify(value)), operation: 'PUT', delta: 1 };
}

/** @returns a watch that brings `first`, and what makes it bring another entry */
export function fakeWatch(first: readonly BucketEntry[]) {
  const entries = [...first];
  let wake: () => void = () => {};
  const watch = {
    stop() {},
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (entries.length > 0) yield entries.shift()!;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
  const bring = (entry: BucketEntry): void => {
    entries.push(entry);
    wake();
  };
  return { watch, bring };
}

/** Operators of the node `a`, alone, with a bucket that the test file puts in the place of `@nats-io/kv`. */
export function operatorsOf(deps: Pick<OperatorsDeps, 'apply'> & Partial<OperatorsDeps>): Operators {
  return new Operators({
    nats: {} as NatsConnection,
    bucket: 'dat_test',
    replicas: 1,
    node: 'a',
    figures: createLinkCounts(),
    snapshot: [],
    isConnected: () => true,
    obeys: () => {},
    confirm: async () => [],
    seedPlan: () => ({ betterNodes: 0, hasObeyed: false, othersHaveObeyed: false }),
    failed: () => {},
    ...deps,
  });
}
