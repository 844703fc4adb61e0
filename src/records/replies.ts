/**
 * The records from the owner to an edge, besides events: who was admitted, answers to requests, what has changed, and
 * who gets which device's events. None of them is protocol text: the edge encodes them for each session's protocol.
 */
import { EVENT_KIND } from './event.ts';
import { recordLayout } from './layout.ts';

/** The peer was admitted. `more`: for a subscriber, further `resumed` notices follow. */
const joined = recordLayout(2, {
  session: 'u32',
  slot: 'u32',
  vip: 'flag',
  more: 'flag',
  resumed: 'bytes',
  filters: 'text',
});
/** Close the connection with this code of the registry. */
const closed = recordLayout(3, { session: 'u32', code: 'u32' });
/** Another edge takes over the device: it must leave once everything that arrived over the connection was passed on. */
const release = recordLayout(24, { session: 'u32' });
/** An event was accepted: its number, or with `skipped` its own or the last one's. */
const ack = recordLayout(4, { seq: 'f64', session: 'u32', skipped: 'flag', id: 'bytes' });
/** One page of an answer. */
const answer = recordLayout(5, {
  session: 'u32',
  request: 'u32',
  more: 'flag',
  entries: 'bytes',
  refusals: 'bytes',
  filters: 'text',
});
/** The request waits for other nodes of the cluster: until its answer, the owner does nothing for it. */
const deferred = recordLayout(26, { session: 'u32', request: 'u32' });
/** One page of the hub's own notices about a subscriber's subscriptions. */
const notice = recordLayout(6, {
  session: 'u32',
  notice: 'u8',
  more: 'flag',
  entries: 'bytes',
  filters: 'text',
});
/** From here on the session gets the device's events, of which `seq` was the last. */
const attach = recordLayout(7, { seq: 'f64', session: 'u32', device: 'u32', types: 'u8', id: 'text' });
const detach = recordLayout(8, { session: 'u32', device: 'u32' });
const vip = recordLayout(9, { session: 'u32', vip: 'flag' });
/** Events of a device that this edge's subscribers will not get, and why. */
export const GapReason = { overload: 0, cluster: 1 } as const;
export type GapReason = (typeof GapReason)[keyof typeof GapReason];
const gap = recordLayout(10, { from: 'f64', to: 'f64', device: 'u32', reason: 'u8' });
/** A new owner has taken over and asks which sessions the edge holds. */
const resync = recordLayout(11, { term: 'u32' });
/** After a resync: a device's last number, for an edge that may have missed events up to it. */
const seq = recordLayout(12, { seq: 'f64', device: 'u32' });
/** The owner has named everyone who gets events; all others get nothing any more. */
const resynced = recordLayout(13, {});
/** One page of the devices that a filter follows; `page` names it for `More`, after which the next comes if it `waits`. */
const filterPage = recordLayout(14, {
  session: 'u32',
  page: 'u32',
  more: 'flag',
  waits: 'flag',
  filter: 'text',
  entries: 'bytes',
});

/** The first listener of a device came, or its last one went. */
const interest = recordLayout(15, { session: 'u32' });
/** Ping the peer: whether it answers decides where its home is. */
const probe = recordLayout(25, { session: 'u32' });

/**
 * An MQTT client has its id now. `present`: there was a session, which kept this. `id`: the edge says it back if the client
 * has gone, maybe to another owner.
 */
const registered = recordLayout(20, { session: 'u32', present: 'flag', id: 'text', kept: 'text' });
/** A leave that asked for confirmation has been processed: nothing more comes for the session. */
const left = recordLayout(16, { session: 'u32' });

export const FromOwnerRecord = {
  Event: EVENT_KIND,
  Joined: joined.kind,
  Closed: closed.kind,
  Release: release.kind,
  Ack: ack.kind,
  Answer: answer.kind,
  Deferred: deferred.kind,
  Notice: notice.kind,
  Attach: attach.kind,
  Detach: detach.kind,
  Vip: vip.kind,
  Gap: gap.kind,
  Resync: resync.kind,
  Seq: seq.kind,
  Resynced: resynced.kind,
  FilterPage: filterPage.kind,
  Interest: interest.kind,
  Probe: probe.kind,
  Registered: registered.kind,
  Left: left.kind,
} as const;

export const { write: writeJoined, read: readJoined } = joined;
export const { write: writeClosed, read: readClosed } = closed;
export const { write: writeRelease, read: readRelease } = release;
export const { write: writeAck, read: readAck } = ack;
export const { write: writeProbe, read: readProbe } = probe;
export const { write: writeRegistered, read: readRegistered } = registered;
export const { write: writeInterest, read: readInterest } = interest;
export const { write: writeLeft, read: readLeft } = left;
export const { write: writeAnswer, read: readAnswer } = answer;
export const { write: writeDeferred, read: readDeferred } = deferred;
export const { write: writeNotice, read: readNotice } = notice;
export const { write: writeAttach, read: readAttach } = attach;
export const { write: writeDetach, read: readDetach } = detach;
export const { write: writeVip, read: readVip } = vip;
export const { write: writeGap, read: readGap } = gap;
export const { write: writeResync, read: readResync } = resync;
export const { write: writeSeq, read: readSeq } = seq;
export const { write: writeResynced } = resynced;
export const { write: writeFilterPage, read: readFilterPage } = filterPage;

/** What the hub reports about subscriptions without a request. */
export const Notice = {
  /** Kept from a lost connection and active again. */
  resumed: 0,
  silent: 1,
  /** Active again after silence. */
  heard: 2,
  operatorActive: 3,
  operatorInactive: 4,
  deniedByOperator: 5,
  removedByOperator: 6,
  deniedByRule: 7,
  notCovered: 8,
  inactiveTooLong: 9,
  terminated: 10,
  /** A device that only a filter followed has left the table. */
  gone: 11,
  /** There is no room for a device that a filter matches. */
  filterFull: 12,
  /** The device's current entry, from another node. */
  entry: 13,
} as const;
export type Notice = (typeof Notice)[keyof typeof Notice];

/** Why one device of a request was refused. */
export const Refusal = {
  notCovered: 0,
  notAllowed: 1,
  denied: 2,
  notSubscribed: 3,
  tooMany: 4,
  full: 5,
  unusedFull: 6,
  malformed: 7,
  tooManyFilters: 8,
  /** A position was given for a subscription that is already active. */
  alreadyActive: 9,
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

/** One device in an answer or a notice, as of the moment when the owner wrote it. */
export interface Entry {
  readonly device: string;
  readonly deviceSlot: number;
  /** A `RowState`. */
  readonly rowState: number;
  /** A `DeviceState`. */
  readonly deviceState: number;
  /** Wall-clock ms, 0 never. */
  readonly lastSeen: number;
  /** Number of the last event; the next one that the session gets is `seq` + 1. */
  readonly seq: number;
  /** Changes whenever the device's numbering starts anew. */
  readonly epoch: number;
  /** Generation of the device's slot: it shows whether another device has taken the slot since. */
  readonly generation: number;
  /** '' if the device has reported none. */
  readonly deviceStatus: string;
}

/** The entry of a device about which only the id is reported. */
export function bareEntry(device: string): Entry {
  return {
    device,
    ...{ deviceSlot: 0, rowState: 0, deviceState: 0, lastSeen: 0, seq: 0, epoch: 0, generation: 0 },
    deviceStatus: '',
  };
}

/** | f64 seq | f64 lastSeen | f64 epoch | u32 slot | rowState | deviceState | idBytes | pad | u16 statusBytes | u16 generation, pad to 40 | id, status, pad */
const EntryField = {
  seq: 0,
  lastSeen: 8,
  epoch: 16,
  slot: 24,
  rowState: 28,
  deviceState: 29,
  idBytes: 30,
  statusBytes: 32,
  generation: 34,
  text: 40,
};
const ENTRY_ALIGNMENT = 8;

/** Gathers the entries of one page; used again for the next. */
export class EntryWriter {
  #bytes = Buffer.alloc(64 * 1024);
  #end = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Length of what was gathered. */
  get byteLength(): number {
    return this.#end;
  }

  /** @param text holds the id and the status; may be shared memory */
  add(
    entry: Omit<Entry, 'device' | 'deviceStatus'>,
    text: Uint8Array,
    idStart: number,
    idBytes: number,
    statusStart: number,
    statusBytes: number,
  ): void {
    const start = this.#end;
    const end = (start + EntryField.text + idBytes + statusBytes + ENTRY_ALIGNMENT - 1) & -ENTRY_ALIGNMENT;
    if (end > this.#bytes.length) this.#grow(end);
    const bytes = this.#bytes;
    // Stryker disable next-line ArithmeticOperator: it comes first, at 0
    bytes.writeDoubleLE(entry.seq, start + EntryField.seq);
    bytes.writeDoubleLE(entry.lastSeen, start + EntryField.lastSeen);
    bytes.writeDoubleLE(entry.epoch, start + EntryField.epoch);
    bytes.writeUInt16LE(entry.generation, start + EntryField.generation);
    bytes.writeUInt32LE(entry.deviceSlot, start + EntryField.slot);
    bytes[start + EntryField.rowState] = entry.rowState;
    bytes[start + EntryField.deviceState] = entry.deviceState;
    bytes[start + EntryField.idBytes] = idBytes;
    bytes.writeUInt16LE(statusBytes, start + EntryField.statusBytes);
    let at = start + EntryField.text;
    for (let i = 0; i < idBytes; i++) bytes[at++] = text[idStart + i]!;
    for (let i = 0; i < statusBytes; i++) bytes[at++] = text[statusStart + i]!;
    this.#end = end;
    this.#count += 1;
  }

  /** The page; its bytes are valid until the next `add`. The writer is empty after this. */
  take(): Uint8Array {
    const page = this.#bytes.subarray(0, this.#end);
    this.#end = 0;
    this.#count = 0;
    return page;
  }

  #grow(bytes: number): void {
    const larger = Buffer.alloc(2 ** Math.ceil(Math.log2(bytes)));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

/** The entries of a page in order. */
export function readEntries(page: Uint8Array): Entry[] {
  const bytes = Buffer.from(page.buffer, page.byteOffset, page.length);
  const entries: Entry[] = [];
  let at = 0;
  while (at < bytes.length) {
    const idStart = at + EntryField.text;
    const statusStart = idStart + bytes[at + EntryField.idBytes]!;
    const end = statusStart + bytes.readUInt16LE(at + EntryField.statusBytes);
    entries.push({
      // Stryker disable next-line ArithmeticOperator: it comes first, at 0
      seq: bytes.readDoubleLE(at + EntryField.seq),
      lastSeen: bytes.readDoubleLE(at + EntryField.lastSeen),
      epoch: bytes.readDoubleLE(at + EntryField.epoch),
      generation: bytes.readUInt16LE(at + EntryField.generation),
      deviceSlot: bytes.readUInt32LE(at + EntryField.slot),
      rowState: bytes[at + EntryField.rowState]!,
      deviceState: bytes[at + EntryField.deviceState]!,
      device: bytes.toString('latin1', idStart, statusStart), // ids are ASCII
      deviceStatus: bytes.toString('utf8', statusStart, end),
    });
    at = (end + ENTRY_ALIGNMENT - 1) & -ENTRY_ALIGNMENT;
  }
  return entries;
}

/** Filters of an answer or a notice, each with a number, whose meaning depends on the answer. */
export interface FilterEntry {
  /** With its star. */
  readonly filter: string;
  /** In an answer to subscribe or resume, the number of devices that it follows; in one to list, its `RowState`. */
  readonly value: number;
}

/** Lines of a value and its filter: neither holds a newline. */
export function encodeFilters(filters: readonly FilterEntry[]): string {
  return filters.map(({ filter, value }) => `${value} ${filter}`).join('\n');
}

/** What `encodeFilters` wrote. */
export function readFilters(text: string): FilterEntry[] {
  if (text === '') return [];
  return text.split('\n').map((line) => {
    const space = line.indexOf(' ');
    return { value: Number(line.slice(0, space)), filter: line.slice(space + 1) };
  });
}

export interface RefusedDevice {
  /** Its id, or a filter with its star. */
  readonly device: string;
  readonly why: Refusal;
}

/** As lines of a reason's number and the id. */
export function encodeRefusals(refused: readonly RefusedDevice[]): Uint8Array {
  return Buffer.from(refused.map(({ device, why }) => `${why} ${device}`).join('\n'));
}

/** The refusals by device. @param bytes lines of a `Refusal` and an id; none: nothing was refused */
export function readRefusals(bytes: Uint8Array): RefusedDevice[] {
  if (bytes.length === 0) return [];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return text.split('\n').map((line) => {
    const space = line.indexOf(' ');
    return { why: Number(line.slice(0, space)) as Refusal, device: line.slice(space + 1) };
  });
}

export const NO_BYTES = new Uint8Array(0);
