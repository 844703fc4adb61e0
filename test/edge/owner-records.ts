/** Reads what an edge has written for the owner. No assertions. */
import { RingConsumer } from '../../src/memory/ring.ts';
import {
  readActive,
  readDeregister,
  readJoin,
  readLeave,
  readMore,
  readRequest,
  readSynced,
  ToOwnerRecord,
} from '../../src/records/requests.ts';

/** One record: its name and what it says. */
export type OwnerRecord = { readonly record: string } & Readonly<Record<string, unknown>>;

const readers: Readonly<Record<number, readonly [string, (...at: Parameters<typeof readJoin>) => object]>> = {
  [ToOwnerRecord.Join]: ['join', readJoin],
  [ToOwnerRecord.Leave]: ['leave', readLeave],
  [ToOwnerRecord.Active]: ['active', readActive],
  [ToOwnerRecord.Request]: ['request', readRequest],
  [ToOwnerRecord.More]: ['more', readMore],
  [ToOwnerRecord.Deregister]: ['deregister', readDeregister],
  [ToOwnerRecord.Synced]: ['synced', readSynced],
};

export class OwnerRecords {
  readonly #ring: RingConsumer;

  constructor(ring: SharedArrayBuffer) {
    this.#ring = new RingConsumer(ring);
  }

  /** What was written since the last call, in order. */
  take(): OwnerRecord[] {
    const records: OwnerRecord[] = [];
    for (let offset = this.#ring.next(); offset >= 0; offset = this.#ring.next()) {
      const { kind, views } = this.#ring;
      const [record, read] = readers[kind] ?? [`kind ${kind}`, () => ({})];
      records.push({ record, ...read(views, offset) });
    }
    this.#ring.release();
    return records;
  }

  /** As `take`, of one kind. */
  taken(name: string): OwnerRecord[] {
    return this.take().filter(({ record }) => record === name);
  }
}
