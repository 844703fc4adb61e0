/** The frames of devices. As `frames.ts`. */
import { z } from 'zod';
import {
  ackMembers,
  deviceStatus,
  draining,
  error,
  event,
  type Frames,
  id,
  pingIntervalMs,
} from './frames.ts';

export const fromDevice: Frames = {
  deviceMessage: {
    summary: 'Broadcast; normal priority by default',
    schema: z.looseObject(event('message')),
    example: { type: 'message', id: 1, data: { temperature: 21.5 } },
  },
  deviceStatus: {
    summary: "Remembered as the device's status and broadcast; high priority by default",
    schema: z.looseObject({ ...event('status'), status: deviceStatus }),
    example: { type: 'status', id: 2, status: 'charging', data: { percent: 40 } },
  },
  devicePong: {
    summary: 'Broadcast; low priority by default',
    schema: z.looseObject(event('pong')),
    example: { type: 'pong', id: 3 },
  },
  deviceBinary: {
    summary: 'An event with an opaque payload',
    layout:
      'Byte 0: type in the low nibble (1 pong, 2 message, 3 status), priority in the high nibble (0 default, 1 low, ' +
      '2 normal, 3 high). The rest is the payload; for a status UTF-8, 1 to 64 characters.',
  },
};

export const toDevice: Frames = {
  deviceWelcome: {
    summary: 'The first frame',
    schema: z.strictObject({ op: z.literal('welcome'), device: id, pingIntervalMs }),
    example: { op: 'welcome', device: 'dev-1', pingIntervalMs: 25_000 },
  },
  ack: {
    summary: 'Answers an event with an id',
    schema: z.strictObject(ackMembers),
    example: { op: 'ack', id: 1, seq: 42 },
  },
  interest: {
    summary: 'With ?interest=true: whether anybody listens now, after the welcome and on each change',
    schema: z.strictObject({ op: z.literal('interest'), active: z.boolean() }),
    example: { op: 'interest', active: true },
  },
  error,
  draining,
};
