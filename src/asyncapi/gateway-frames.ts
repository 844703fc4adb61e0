/** The frames of gateways: those of devices, each with the device that it is about. As `frames.ts`. */
import { z } from 'zod';
import { closes, errors } from '../codes.ts';
import {
  ackId,
  ackMembers,
  deviceStatus,
  draining,
  errorMembers,
  event,
  type Frames,
  id,
  pingIntervalMs,
} from './frames.ts';

const device = id.describe('The device that the frame is about');
const op = (name: 'open' | 'close') =>
  z.looseObject({
    op: z.literal(name),
    device,
    id: ackId.optional().describe('Echoed when the frame is refused; at most 255 bytes of JSON'),
  });

export const fromGateway: Frames = {
  gatewayMessage: {
    summary: "A device's message; its first frame connects the device",
    schema: z.looseObject({ ...event('message'), device }),
    example: { type: 'message', device: 'dev-7', id: 1, data: { temperature: 21.5 } },
  },
  gatewayStatus: {
    summary: "A device's status",
    schema: z.looseObject({ ...event('status'), device, status: deviceStatus }),
    example: { type: 'status', device: 'dev-7', id: 2, status: 'charging' },
  },
  gatewayPong: {
    summary: "A device's sign of life",
    schema: z.looseObject({ ...event('pong'), device }),
    example: { type: 'pong', device: 'dev-7', id: 3 },
  },
  open: {
    summary: 'Connects a device without an event; takes it back where it was taken. Has no answer',
    schema: op('open'),
    example: { op: 'open', device: 'dev-8' },
  },
  close: {
    summary: 'The goodbye of a device: it is offline at once. Has no answer',
    schema: op('close'),
    example: { op: 'close', device: 'dev-8' },
  },
};

export const toGateway: Frames = {
  gatewayWelcome: {
    summary: 'The first frame',
    schema: z.strictObject({ op: z.literal('welcome'), gateway: id, pingIntervalMs }),
    example: { op: 'welcome', gateway: 'gw-1', pingIntervalMs: 25_000 },
  },
  gatewayAck: {
    summary: 'Answers an event with an id',
    schema: z.strictObject({ ...ackMembers, device }),
    example: { op: 'ack', device: 'dev-7', id: 1, seq: 42 },
  },
  gatewayInterest: {
    summary: 'With ?interest=true: whether anybody listens to the device now',
    schema: z.strictObject({ op: z.literal('interest'), device, active: z.boolean() }),
    example: { op: 'interest', device: 'dev-7', active: true },
  },
  closed: {
    summary: 'The device was taken from the gateway; its frames get error 103 until it is opened again',
    schema: z.strictObject({
      op: z.literal('closed'),
      device,
      code: z.int().describe('A close code, as the device itself would get it'),
    }),
    example: { op: 'closed', device: 'dev-7', code: closes.replaced.code },
  },
  gatewayError: {
    summary: 'A frame was refused; the connection stays',
    schema: z.strictObject({
      ...errorMembers,
      device: device.optional().describe('Absent where the frame names no valid device'),
    }),
    example: { op: 'error', device: 'dev-9', code: errors.denied.code, message: 'not allowed' },
  },
  draining,
};
