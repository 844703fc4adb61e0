/** The hub's own contract over WebSocket, JSON or binary, in batches or not; also what the naive peers speak. */
import { isFilter } from '../../../access/pattern.ts';
import { findStamp, STAMP_BYTES } from '../stamp.ts';
import { FramedConversation } from './framed.ts';
import { clientFrame, Opcode } from './frames.ts';
import type { ConversationEvents, Speaker, Wire, Wires } from './wire.ts';

const DEVICES_PER_FRAME = 1000;
const BINARY_PROTOCOL = 'Sec-WebSocket-Protocol: dat.v1.binary';
const BRACE = 0x7b;

interface Terms {
  readonly binary?: boolean;
  readonly batch?: boolean;
  /** The server greets nobody: peers are in as soon as they are upgraded. */
  readonly isSilent?: boolean;
}

/** By the encoding of events. */
export const websocketWires = {
  websocket: websocketWire(),
  'websocket-binary': websocketWire({ binary: true }),
  'websocket-batch': websocketWire({ batch: true }),
  'websocket-binary-batch': websocketWire({ binary: true, batch: true }),
} as const satisfies Wires;

export type WebSocketWireName = keyof typeof websocketWires;

/** @param terms of the subscribers, and of the server */
export function websocketWire(terms: Terms = {}): Wire {
  return {
    converse: (speaker, on) =>
      speaker.role === 'device' ? new Device(speaker, on, terms) : new Subscriber(speaker, on, terms),
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
  readonly message?: string;
  readonly from?: number;
  readonly to?: number;
  readonly filter?: string;
  readonly more?: boolean;
}

const read = (bytes: Buffer, start: number, end: number): HubFrame =>
  JSON.parse(bytes.toString('utf8', start, end)) as HubFrame;

class Device extends FramedConversation {
  readonly #isSilent: boolean;

  constructor(speaker: Speaker, on: ConversationEvents, { isSilent = false }: Terms) {
    super(speaker, on, `/v1/device?id=${speaker.id}`);
    this.#isSilent = isSilent;
  }

  protected override upgraded(): void {
    if (this.#isSilent) this.on.ready();
  }

  protected override message(bytes: Buffer, start: number, end: number): void {
    const { op, message = '' } = read(bytes, start, end);
    if (op === 'welcome') this.on.ready();
    else if (op === 'error') this.on.refusedEvent?.(message);
  }
}

class Subscriber extends FramedConversation {
  readonly #devices: readonly string[];
  readonly #isSilent: boolean;
  #isReady = false;
  #unanswered = 0;
  /** Those whose devices have not all come: what they send before that is not followed yet. */
  readonly #filters: Set<string>;

  constructor(
    speaker: Speaker,
    on: ConversationEvents,
    { binary = false, batch = false, isSilent = false }: Terms,
  ) {
    const path = `/v1/subscribe?id=${speaker.id}&batch=${batch}`;
    super(speaker, on, path, binary ? [BINARY_PROTOCOL] : []);
    this.#devices = speaker.devices;
    this.#filters = new Set(speaker.devices.filter(isFilter));
    this.#isSilent = isSilent;
  }

  protected override upgraded(): void {
    if (this.#isSilent) this.#ask();
  }

  protected override message(bytes: Buffer, start: number, end: number): void {
    if (!this.#events(bytes, start, end) && bytes[start] === BRACE) this.#control(read(bytes, start, end));
  }

  /** Of a frame that may be a batch: each event has a stamp. @returns whether there was one */
  #events(bytes: Buffer, start: number, end: number): boolean {
    let at = findStamp(bytes, start, end);
    if (at < 0) return false;
    for (; at >= 0; at = findStamp(bytes, at + STAMP_BYTES, end)) this.on.event(bytes, at, at + STAMP_BYTES);
    return true;
  }

  /** Welcome first, then the answers to what was asked; events may come between. */
  #control({ op, errors = [], from = 0, to = -1, filter, more }: HubFrame): void {
    if (op === 'gap') this.on.told?.(to - from + 1);
    else if (op === 'welcome') this.#ask();
    else if (op === 'subscribed') {
      if (filter === undefined) this.#unanswered -= 1;
      else if (more !== true) this.#filters.delete(filter);
      if (errors.length > 0) this.on.refused(JSON.stringify(errors[0]));
      if (!this.#isReady) this.#checkReady();
    }
  }

  #ask(): void {
    for (let at = 0; at < this.#devices.length; at += DEVICES_PER_FRAME) {
      const devices = this.#devices.slice(at, at + DEVICES_PER_FRAME);
      this.on.write(
        clientFrame(Opcode.text, Buffer.from(JSON.stringify({ op: 'subscribe', id: at, devices }))),
      );
      this.#unanswered += 1;
    }
    this.#checkReady();
  }

  #checkReady(): void {
    if (this.#unanswered > 0 || this.#filters.size > 0) return;
    this.#isReady = true;
    this.on.ready();
  }
}
