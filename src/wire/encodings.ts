/** The encodings of events. An event is encoded once per edge and encoding, however many sessions get it. */
import {
  binaryEventBytesMax,
  type DeviceNames,
  type EventFrameHead,
  encodeBinaryEvent,
  encodeJsonEvent,
  jsonEventBytesMax,
} from './event-frames.ts';
import { type Gap, gapFrame } from './gap.ts';
import { encodeMqttEvent, type MqttEventHead, mqttEventBytesMax, topicKindOf } from './mqtt/events.ts';
import { TOPIC_BYTES_MAX } from './mqtt/limits.ts';

/** By number. */
export const Encoding = { json: 0, binary: 1, mqtt3: 2, mqtt5: 3 } as const;
export type Encoding = (typeof Encoding)[keyof typeof Encoding];
export const encodingNames = Object.keys(Encoding) as readonly (keyof typeof Encoding)[];

/** Whether the peer speaks MQTT, of whatever version. */
export function isMqtt(encoding: Encoding): boolean {
  return encoding >= Encoding.mqtt3;
}

export interface EventEncoding {
  /** Starts the names of its topics at the transport. */
  readonly topicPrefix: string;
  /** Whether its frames are binary frames of WebSocket. */
  readonly isBinary: boolean;
  /** Whether its events carry what an MQTT client published as it is. */
  readonly takesPublished: boolean;
  /** The text frame that tells of events that will not come; undefined where the protocol has no word for it. */
  gap(gap: Gap): string | undefined;
  /** Upper bound of an event's length, bytes. */
  bytesMax(idBytes: number, statusBytes: number, payloadBytes: number): number;
  /**
   * Encodes an event.
   * @param out has room for `bytesMax` from `offset` on
   * @param source holds the status text (UTF-8, empty but for a device's status) from `statusStart` on, and the payload
   *   from `payloadStart` to `payloadEnd`; may be shared memory
   * @returns where the event ends in `out`; `offset` where it has no form in this encoding
   */
  encode(
    out: Uint8Array,
    offset: number,
    names: DeviceNames,
    head: EventFrameHead,
    source: Uint8Array,
    statusStart: number,
    payloadStart: number,
    payloadEnd: number,
  ): number;
}

/** In the order of `Encoding`. */
export const encodings: readonly EventEncoding[] = [
  {
    topicPrefix: 'j',
    isBinary: false,
    takesPublished: false,
    gap: gapFrame,
    bytesMax: jsonEventBytesMax,
    encode: encodeJsonEvent,
  },
  {
    topicPrefix: 'b',
    isBinary: true,
    takesPublished: false,
    gap: gapFrame,
    bytesMax: binaryEventBytesMax,
    encode: encodeBinaryEvent,
  },
  mqttEncoding('m', 4),
  mqttEncoding('n', 5),
];

/** MQTT has no word for a gap. */
function mqttEncoding(topicPrefix: string, version: 4 | 5): EventEncoding {
  const own: MqttEventHead = {
    type: 0,
    fromHub: false,
    isAsPublished: false,
    payloadIsJson: false,
    isRetained: false,
  };
  return {
    topicPrefix,
    isBinary: true,
    takesPublished: true,
    gap: () => undefined,
    bytesMax: (_idBytes, statusBytes, payloadBytes) =>
      mqttEventBytesMax(2 + TOPIC_BYTES_MAX, statusBytes, payloadBytes),
    encode(out, offset, names, head, source, statusStart, payloadStart, payloadEnd) {
      const topic = names.topics.of(topicKindOf(head.type, head.fromHub));
      if (topic.length === 0) return offset; // the layout has no topic for it
      own.type = head.type;
      own.fromHub = head.fromHub;
      own.isAsPublished = head.asPublished === true;
      own.payloadIsJson = head.payloadIsJson;
      own.isRetained = head.replay === true;
      return encodeMqttEvent(out, offset, topic, version, own, source, statusStart, payloadStart, payloadEnd);
    },
  };
}
