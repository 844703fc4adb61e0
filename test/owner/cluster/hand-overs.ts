/** What moves along with a device from home to home, as a test gives it and reads it. No assertions. */
import { decodeDevice, type KeptEvent } from '../../../src/cluster/device-parts.ts';
import { EventField } from '../../../src/records/event.ts';
import type { ClusterOwner } from './cluster-owner.ts';

/** How a home tells of a device; what is absent is online, numbered 5 in the epoch `abc`. */
export interface Told {
  readonly ref?: number;
  readonly epoch?: string;
  readonly seq?: number;
  readonly state?: number;
  readonly startState?: number;
  readonly status?: string;
  readonly lastSeen?: number;
}

/** What a home hands over first: where the device stands. Its newest events follow as parts of their own. */
export function entryPart({
  epoch = 'abc',
  seq = 5,
  state = 1,
  status = '',
  lastSeen = 0,
}: Told = {}): Uint8Array {
  return Buffer.from(JSON.stringify({ epoch, seq, state, status, lastSeen }));
}

/** What the owner has handed over since the last call: seqs of the newest events, payloads of what has no number. */
export function handedOver(hub: ClusterOwner) {
  const parts = hub.records().filter(({ is }) => is === 'surrenderPart');
  const { device, unnumbered } = decodeDevice(
    parts.map((one) => one.part!),
    1024 * 1024,
  );
  const seqOf = (event: KeptEvent | undefined) => event?.views.f64[EventField.seq >> 3];
  const payloads = unnumbered.map(({ views, bytes }) =>
    Buffer.from(views.u8.subarray(EventField.body, bytes)).toString(),
  );
  return {
    entry: device?.entry,
    message: seqOf(device?.message),
    status: seqOf(device?.status),
    unnumbered: payloads,
  };
}
