/** What the hub sends, as test clients see it. */

/** Any frame from the hub; which fields it has depends on `op`. */
export interface Frame {
  readonly op: string;
  readonly id?: string | number;
  readonly code?: number;
  readonly message?: string;
  readonly reason?: string;
  readonly status?: string | null;
  readonly device?: string;
  readonly subscriber?: string;
  readonly pingIntervalMs?: number;
  readonly resumed?: readonly string[];
  readonly type?: string;
  readonly source?: string;
  readonly seq?: number;
  readonly skipped?: boolean;
  readonly at?: number;
  readonly priority?: string;
  readonly data?: unknown;
  readonly data64?: string;
  readonly devices?: readonly unknown[];
  readonly errors?: readonly Refusal[];
  readonly filter?: string;
  readonly filters?: readonly unknown[];
  readonly resumedFilters?: readonly string[];
  readonly held?: boolean;
  readonly replay?: boolean;
  /** Events that it replaced. */
  readonly conflated?: number;
  /** Another page follows. */
  readonly more?: boolean;
  readonly retryAfterMs?: number;
  readonly from?: number;
  readonly to?: number;
  readonly reconnectAfterMs?: number;
  /** Of an event that came as a binary frame only. */
  readonly head?: BinaryHead;
  /** Of a batch. */
  readonly events?: readonly Frame[];
}

export interface BinaryHead {
  readonly type: number;
  readonly flags: number;
  readonly zero: number;
  /** The bytes after the id. */
  readonly payload: Buffer;
}

export interface EventFrame extends Frame {
  readonly op: 'event';
  readonly device: string;
  readonly type: string;
  readonly source: string;
  readonly seq: number;
  readonly at: number;
  readonly priority: string;
}

export interface Batch extends Frame {
  readonly events: readonly Frame[];
}

export interface Snapshot {
  readonly device: string;
  readonly status: string;
  readonly state: string;
  readonly lastSeen: number;
  readonly seq: number;
  readonly deviceStatus: string | null;
}

export interface Refusal {
  readonly device: string;
  readonly code: number;
  readonly message: string;
}

export interface Subscribed extends Omit<Frame, 'devices'> {
  readonly devices: readonly Snapshot[];
  readonly errors: readonly Refusal[];
}

export interface Ack extends Frame {
  readonly seq: number;
}

const typeNames = ['', 'pong', 'message', 'status'];
const priorityNames = ['', 'low', 'normal', 'high'];
const HEADER_BYTES = 24;

/** Reads an event of the subprotocol `dat.v1.binary`. */
export function decodeBinaryEvent(bytes: Buffer): EventFrame {
  const type = bytes.readUInt8(0);
  const flags = bytes.readUInt8(1);
  const idEnd = HEADER_BYTES + bytes.readUInt16LE(2);
  const payload = bytes.subarray(idEnd);
  const isJson = (flags & 0b1000) !== 0;
  return {
    op: 'event',
    device: bytes.toString('utf8', HEADER_BYTES, idEnd),
    type: typeNames[type] ?? `type ${type}`,
    source: (flags & 0b100) === 0 ? 'device' : 'hub',
    seq: bytes.readDoubleLE(8),
    at: bytes.readDoubleLE(16),
    priority: priorityNames[flags & 0b11] ?? '',
    head: { type, flags, zero: bytes.readUInt32LE(4), payload },
    ...(isJson
      ? { data: JSON.parse(payload.toString()) as unknown }
      : { data64: payload.toString('base64') }),
  };
}

const BATCH_TYPE = 15;

/** Reads a binary frame of the subprotocol `dat.v1.binary`: an event, or a batch of them. */
export function decodeBinary(bytes: Buffer): Frame {
  if (bytes.readUInt8(0) !== BATCH_TYPE) return decodeBinaryEvent(bytes);
  if (bytes.readUInt32LE(0) !== BATCH_TYPE) throw new Error('the three bytes after the type are not zero');
  const events: EventFrame[] = [];
  let at = 8;
  for (let left = bytes.readUInt32LE(4); left > 0; left--) {
    const end = at + 4 + bytes.readUInt32LE(at);
    events.push(decodeBinaryEvent(bytes.subarray(at + 4, end)));
    at = end;
  }
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes behind the last event`);
  return { op: 'batch', events };
}
