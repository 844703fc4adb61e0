/** What only the hub understands: gateways, replays and filters, as disturbances use them. */
import { FramedConversation } from '../../../src/cli/bench/wires/framed.ts';
import { clientFrame, Opcode } from '../../../src/cli/bench/wires/frames.ts';
import type { ConversationEvents, Speaker, Wire } from '../../../src/cli/bench/wires/wire.ts';

interface HubFrame {
  readonly op?: string;
  readonly message?: string;
}

const textFrame = (frame: unknown): Buffer => clientFrame(Opcode.text, Buffer.from(JSON.stringify(frame)));

/** A gateway: `told` is called with each ack. */
class Gateway extends FramedConversation {
  constructor(speaker: Speaker, on: ConversationEvents) {
    super(speaker, on, `/v1/gateway?id=${speaker.id}`);
  }

  protected override message(bytes: Buffer, start: number, end: number): void {
    const { op, message = '' } = JSON.parse(bytes.toString('utf8', start, end)) as HubFrame;
    if (op === 'welcome') this.on.ready();
    else if (op === 'ack') this.on.told?.(1);
    else if (op === 'error') this.on.refused(message);
  }
}

export const gatewayWire: Wire = {
  converse: (speaker, on) => new Gateway(speaker, on),
  publish: (device, json) => textFrame({ device, type: 'message', data: JSON.parse(json) }),
};

/** A sign of life of a device behind a gateway; with `ack` the hub answers when it has taken it, and all before it. */
export function gatewayPong(device: string, ack: boolean): Buffer {
  return textFrame({ device, type: 'pong', ...(ack && { id: device }) });
}

export function replayRequest(devices: readonly string[], history: number): Buffer {
  return textFrame({ op: 'subscribe', id: 'replay', devices, history });
}

const REPLAYED = Buffer.from(',"replay":true,');

/**
 * A subscriber that asks for replays: `event` is called with each replayed event, and not with live ones. By the time of
 * an event they cannot be told apart: one may come between the request and the answer, and be replayed.
 */
class ReplaySubscriber extends FramedConversation {
  constructor(speaker: Speaker, on: ConversationEvents) {
    super(speaker, on, `/v1/subscribe?id=${speaker.id}`);
  }

  protected override message(bytes: Buffer, start: number, end: number): void {
    const frame = bytes.subarray(start, end);
    if (frame.indexOf('{"op":"welcome"') === 0) this.on.ready();
    else if (frame.indexOf('{"op":"error"') === 0) this.on.refused(frame.toString());
    else if (frame.includes(REPLAYED)) this.on.event(bytes, start, end);
  }
}

export const replayWire: Wire = {
  converse: (speaker, on) => new ReplaySubscriber(speaker, on),
  publish: publishesNothing,
};

const FILTER_ID = 'filter';
const SUBSCRIBED = Buffer.from('{"op":"subscribed"');
const MORE = Buffer.from('"more":true');

export function filterRequest(filter: string): Buffer {
  return textFrame({ op: 'subscribe', id: FILTER_ID, devices: [filter] });
}

/** A subscriber that subscribes to a filter: `told` is called once, with the last page of its answer. */
class FilterSubscriber extends FramedConversation {
  constructor(speaker: Speaker, on: ConversationEvents) {
    super(speaker, on, `/v1/subscribe?id=${speaker.id}&batch=true`);
  }

  protected override message(bytes: Buffer, start: number, end: number): void {
    const frame = bytes.subarray(start, end);
    if (frame.indexOf('{"op":"welcome"') === 0) this.on.ready();
    else if (frame.indexOf(SUBSCRIBED) === 0 && !frame.includes(MORE)) this.on.told?.(1);
    else if (frame.indexOf('{"op":"error"') === 0) this.on.refused(frame.toString());
  }
}

export const filterWire: Wire = {
  converse: (speaker, on) => new FilterSubscriber(speaker, on),
  publish: publishesNothing,
};

function publishesNothing(): never {
  throw new Error('a subscriber publishes nothing');
}
