/** The hub's own contract over WebSocket, JSON or binary, in batches or not; also what the naive peers speak. */
import { findStamp, STAMP_BYTES } from '../stamp.ts';
import { FramedConversation } from './framed.ts';
import { clientFrame, Opcode } from './frames.ts';
import type { Listening, Role, Wire } from './wire.ts';

const DEVICES_PER_FRAME = 1000;
const BINARY_PROTOCOL = 'Sec-WebSocket-Protocol: dat.v1.binary';

interface Encoding {
  readonly binary?: boolean;
  readonly batch?: boolean;
}

export function websocketWire(encoding: Encoding = {}): Wire {
  return {
    converse: (role, id, devices, on) => new Client(role, id, devices, on, encoding),
    publish: (_device, json) => clientFrame(Opcode.text, Buffer.from(`{"type":"message","data":${json}}`)),
    follow: (device, follows, request) => {
      const op = follows ? 'subscribe' : 'unsubscribe';
      return clientFrame(Opcode.text, Buffer.from(JSON.stringify({ op, id: request, devices: [device] })));
    },
  };
}

interface HubFrame {
  readonly op?: string;
  readonly errors?: readonly unknown[];
}

class Client extends FramedConversation {
  readonly #role: Role;
  readonly #devices: readonly string[];
  readonly #batch: boolean;
  #ready = false;
  #unanswered = 0;

  constructor(
    role: Role,
    id: string,
    devices: readonly string[],
    on: Listening,
    { binary = false, batch = false }: Encoding,
  ) {
    if (role === 'device') super(on, `/v1/device?id=${id}`);
    else super(on, `/v1/subscribe?id=${id}&batch=${batch}`, binary ? [BINARY_PROTOCOL] : []);
    this.#role = role;
    this.#devices = devices;
    this.#batch = batch;
  }

  protected override message(bytes: Buffer, start: number, end: number): void {
    if (!this.#ready) this.#prepare(bytes, start, end);
    else if (this.#batch) this.#events(bytes, start, end);
    else this.on.event(bytes, start, end);
  }

  /** Of a frame that may be a batch: each event has a stamp. */
  #events(bytes: Buffer, start: number, end: number): void {
    for (let at = findStamp(bytes, start, end); at >= 0; at = findStamp(bytes, at + STAMP_BYTES, end))
      this.on.event(bytes, at, at + STAMP_BYTES);
  }

  /** Welcome first, then the answers to what was asked; events may come between. */
  #prepare(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] !== 0x7b) return; // a binary event
    const frame = JSON.parse(bytes.toString('utf8', start, end)) as HubFrame;
    if (frame.op === 'welcome') this.#ask();
    else if (frame.op === 'subscribed') {
      this.#unanswered -= 1;
      if (frame.errors !== undefined && frame.errors.length > 0) {
        this.on.refused(JSON.stringify(frame.errors[0]));
      }
    } else if (frame.op === 'event' || frame.op === 'batch') {
      this.#events(bytes, start, end);
      return;
    }
    if (this.#unanswered > 0 || this.#ready) return;
    this.#ready = true;
    this.on.ready();
  }

  #ask(): void {
    if (this.#role === 'device') return;
    for (let at = 0; at < this.#devices.length; at += DEVICES_PER_FRAME) {
      const devices = this.#devices.slice(at, at + DEVICES_PER_FRAME);
      this.on.write(
        clientFrame(Opcode.text, Buffer.from(JSON.stringify({ op: 'subscribe', id: at, devices }))),
      );
      this.#unanswered += 1;
    }
  }
}
