/** Events in the subprotocol `dat.v1.binary`, from section 4 of the wire contract. */
import type { FakeEvent } from './fleet.ts';

export function binaryOf(event: FakeEvent & { readonly replay?: boolean }): Buffer {
  const id = Buffer.from(event.device);
  const isBytes = event.data64 !== undefined;
  const json = event.type === 'status' && event.source === 'device' ? statusOf(event) : (event.data ?? null);
  const payload = isBytes ? Buffer.from(event.data64, 'base64') : Buffer.from(JSON.stringify(json));
  const head = Buffer.alloc(24);
  const flags = { low: 1, normal: 2, high: 3 }[event.priority];
  head.writeUInt8({ pong: 1, message: 2, status: 3 }[event.type], 0);
  head.writeUInt8(
    flags | (event.source === 'hub' ? 4 : 0) | (isBytes ? 0 : 8) | (event.replay === true ? 16 : 0),
    1,
  );
  head.writeUInt16LE(id.length, 2);
  head.writeDoubleLE(event.seq, 8);
  head.writeDoubleLE(event.at, 16);
  return Buffer.concat([head, id, payload]);
}

function statusOf({ status, data }: FakeEvent): object {
  return { status, data };
}
