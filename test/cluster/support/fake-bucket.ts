/** Entries of the bucket, and a watch of it that brings what a test gives it. No assertions. */

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
