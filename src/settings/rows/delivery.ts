/** Settings of the group Delivery: sizes of frames and send queues, and rates. */
import { wholeNumber } from '../kinds.ts';
import { row } from '../row.ts';

const QUEUE_BYTES_MAX = 1024 ** 3;
const QUEUES_TOTAL_BYTES_MAX = 1024 ** 4;

const queueBytes = wholeNumber(1024, QUEUE_BYTES_MAX, 'bytes');

export const deliveryRows = {
  flushMaxMs: row({
    kind: wholeNumber(0, 1000, 'ms'),
    default: 5,
    group: 'Delivery',
    meaning:
      'Longest time that batching may hold an event under load. 0 sends each event at once, at the price ' +
      'of more writes.',
  }),
  maxMessageBytes: row({
    kind: wholeNumber(1024, 1_048_576, 'bytes'),
    default: 65_536,
    group: 'Delivery',
    meaning:
      'Largest frame that a peer may send. A larger one gets error 106 and the connection is closed with ' +
      '4000.',
  }),
  sendQueueBytes: row({
    kind: queueBytes,
    default: 262_144,
    group: 'Delivery',
    meaning:
      'Send queue size above which a subscriber counts as slow. It then gets only high-priority events ' +
      'until the queue is down to a quarter, followed by a `gap` and the newest missed event of each ' +
      'device. Must not exceed `DAT_SEND_QUEUE_MAX_BYTES`; if both are equal, a slow subscriber is closed ' +
      'at once.',
  }),
  sendQueueMaxBytes: row({
    kind: queueBytes,
    default: 1_048_576,
    group: 'Delivery',
    meaning:
      'Send queue size above which a subscriber is closed with 4108. A subscriber that is slow for 30 ' +
      'seconds is closed too. Each subscriber can take this much memory, and briefly a little more.',
  }),
  sendQueuesTotalBytes: row({
    kind: wholeNumber(0, QUEUES_TOTAL_BYTES_MAX, 'bytes'),
    default: 268_435_456,
    group: 'Delivery',
    reloadable: true,
    meaning:
      'Limit for all send queues together, divided evenly among the fan-out threads. Above it, the ' +
      'subscribers with the largest queues are closed first, with 4108. 0 means no limit.',
  }),
  subscriberRate: row({
    kind: wholeNumber(0, 1_000_000, 'frames per second'),
    default: 1000,
    group: 'Delivery',
    reloadable: true,
    meaning:
      'Frames per second that one subscriber may send; more are refused with error 111. 0 means no limit.',
  }),
  subscriberBurst: row({
    kind: wholeNumber(0, 1_000_000, 'frames'),
    default: 2000,
    group: 'Delivery',
    reloadable: true,
    meaning:
      'Burst: frames that one subscriber may send at once before its rate limit applies. 0 means no limit.',
  }),
  deviceRate: row({
    kind: wholeNumber(0, 1_000_000, 'events per second'),
    default: 100,
    group: 'Delivery',
    reloadable: true,
    meaning: 'Events per second that one device may send; more are refused with error 111. 0 means no limit.',
  }),
  deviceBurst: row({
    kind: wholeNumber(0, 1_000_000, 'events'),
    default: 200,
    group: 'Delivery',
    reloadable: true,
    meaning:
      'Burst: events that one device may send at once before its rate limit applies. 0 means no limit.',
  }),
} as const;
