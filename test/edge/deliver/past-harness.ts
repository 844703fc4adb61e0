/**
 * Subscribers whose connections are lists of what was sent, with a queue that the test fills; and a history log without
 * an owner for those that are to get kept events. No assertions.
 */
import { EventEncoder } from '../../../src/edge/deliver/event-encoder.ts';
import { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { Counters, createCounters } from '../../../src/memory/counters.ts';
import { createRing, RING_BYTES_MIN, RingConsumer } from '../../../src/memory/ring.ts';
import type { Entry } from '../../../src/records/replies.ts';
import type { Connection } from '../../../src/transport/transport.ts';
import { binarySubscriberCodec, jsonSubscriberCodec } from '../../../src/wire/hub-frames.ts';
import { HistoryHarness, type HistoryOptions } from '../../history/history-harness.ts';
import { decodeBinaryEvent, type Frame } from '../../support/frames.ts';

/** Above this many bytes in its queue a peer has to read first. */
export const QUEUE_BYTES = 1000;

/** A device's rows have this epoch, as a number and as frames name it. */
export const EPOCH = 36;
export const EPOCH_NAME = '10';

/** Of payloads that are large: they are no JSON. */
const PADDING = /(?<="data":\d+ )x+/;

export class Peer {
  readonly session: SubscriberSession;
  readonly frames: Frame[] = [];
  /** Bytes that wait. */
  queued = 0;
  /** What is sent from the frame of this number on stays in its queue; Infinity: it reads all. */
  stalledFrom = Number.POSITIVE_INFINITY;
  /** Frames that were sent while the connection was not corked. */
  loose = 0;
  /** Called with each frame that is sent. */
  sending = (): void => {};

  constructor(number: number, binary = false, every = 0) {
    const actor = { role: 'subscriber', id: `s-${number}`, devices: undefined, vip: false } as const;
    const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
    this.session = new SubscriberSession(admitted, number, 0, {
      codec: binary ? binarySubscriberCodec : jsonSubscriberCodec,
      batched: false,
      every,
      hold: false,
      wanted: undefined,
    });
    this.session.welcome(0, undefined);
    let isCorked = false;
    this.session.attach({
      send: (frame: string | Uint8Array, isBinary: boolean) => {
        if (this.frames.length >= this.stalledFrom) this.queued += frame.length;
        if (!isCorked) this.loose += 1;
        this.sending();
        const bytes = Buffer.from(frame as string);
        this.frames.push(
          isBinary ? decodeBinaryEvent(bytes) : (JSON.parse(bytes.toString().replace(PADDING, '')) as Frame),
        );
      },
      cork: (body: () => void) => {
        isCorked = true;
        body();
        isCorked = false;
      },
      bufferedBytes: () => this.queued,
      join: () => {},
      leave: () => {},
      close: () => {},
    } as unknown as Connection<unknown>);
  }

  /** Events and gaps that came since the last call: `d0:1 gap d0:2-3 history`. */
  news(): string {
    return this.frames.splice(0).map(toldOf).join(' ');
  }

  /** The same, with an `r` behind what came as a replay. */
  newsWithReplays(): string {
    return this.frames
      .splice(0)
      .map((frame) => `${toldOf(frame)}${isReplay(frame) ? 'r' : ''}`)
      .join(' ');
  }

  /** How long until it can pay for an event, ms. */
  owesMs = 0;
}

function isReplay({ replay, head }: Frame): boolean {
  return replay === true || ((head?.flags ?? 0) & 0b10000) !== 0;
}

function toldOf({ op, device, seq, from, to, reason }: Frame): string {
  return op === 'gap' ? `gap ${device}:${from}-${to} ${reason}` : `${device}:${seq}`;
}

export class Past {
  readonly history: HistoryHarness;
  readonly counters = new Counters(createCounters());
  readonly encoder = new EventEncoder(new RingConsumer(createRing(RING_BYTES_MIN)).views);
  /** Events that sessions were charged for, in order. */
  readonly charged: number[] = [];
  readonly charges = {
    rows: (_session: unknown, events: number): void => {
      if (events > 0) this.charged.push(events);
    },
    waitMs: (session: unknown, cost: number): number => cost * (this.#peers.get(session)?.owesMs ?? 0),
  };
  readonly #peers = new Map<unknown, Peer>();

  constructor(options: HistoryOptions = {}) {
    this.history = new HistoryHarness(options);
  }

  /** @param every its pace, if it has one, ms */
  peer({ every = 0, binary = false } = {}): Peer {
    const peer = new Peer(this.#peers.size + 1, binary, every);
    this.#peers.set(peer.session, peer);
    return peer;
  }

  /** A device with so many kept messages. @returns its slot */
  device(messages = 0, pad = 0): number {
    const slot = this.history.connect();
    for (let n = 0; n < messages; n++) this.history.send(slot, { pad });
    return slot;
  }

  /** What an answer says of the device now. */
  entry(slot: number): Entry {
    const { generation, seq } = this.history.asOf(slot);
    const states = { rowState: 2, deviceState: 1, lastSeen: 0, deviceStatus: '' };
    return { device: `d${slot}`, deviceSlot: slot, generation, seq, epoch: EPOCH, ...states };
  }
}
