/**
 * A transport reads into the same memory again and again, and some of them hand on a `Buffer` of it: its `slice` is no
 * copy. What the hub keeps of a read stays as it came, whatever others send then.
 */
import { describe, expect, it } from 'vitest';
import { inTurns, pauses } from '../../src/edge/in-turns.ts';
import type { Connection, ListenerHandlers } from '../../src/transport/transport.ts';
import { PacketType } from '../../src/wire/mqtt/constants.ts';
import { readConnect } from '../../src/wire/mqtt/packets.ts';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const GRACE_MS = 15_000;

describe('a will', () => {
  it.each([
    { topic: 'devices/d/message', payload: '{"a":1}', told: { type: 'message', data: { a: 1 } } },
    { topic: 'devices/d/message', payload: 'bye', told: { type: 'message', data64: 'Ynll' } },
    {
      topic: 'devices/d/status',
      payload: '{"status":"lost","data":[1]}',
      told: { type: 'status', status: 'lost', data: [1] },
    },
  ])('is published as its client sent it: $payload on $topic', async ({ topic, payload, told }) => {
    const hub = new OneThreadHub();
    const subscriber = await hub.peer('subscriber', 's');
    subscriber.say({ op: 'subscribe', devices: ['d'] });
    const will = { topic, payload: Buffer.from(payload), qos: 1, retain: false } as const;
    const client = await Client.in(hub, 'd', { connect: { will } });
    client.socket.end();
    await hub.settle();
    hub.clock.advance(GRACE_MS);
    await hub.settle();
    const events = subscriber.frames().filter(({ op, source }) => op === 'event' && source === 'device');
    expect(events).toMatchObject([told]);
  });

  it('is still that where another owner is told of it', async () => {
    const hub = new OneThreadHub();
    const subscriber = await hub.peer('subscriber', 's');
    subscriber.say({ op: 'subscribe', devices: ['d'] });
    const will = {
      topic: 'devices/d/message',
      payload: Buffer.from('{"a":1}'),
      qos: 1,
      retain: false,
    } as const;
    const client = await Client.in(hub, 'd', { connect: { will } });
    hub.replaceOwner();
    await hub.settle();
    client.socket.end();
    await hub.settle();
    hub.clock.advance(GRACE_MS);
    await hub.settle();
    expect(subscriber.frames()).toContainEqual(expect.objectContaining({ type: 'message', data: { a: 1 } }));
  });

  it('is a copy of the packet, and so is a password', () => {
    const text = '0004 4d515454 04 c6 003c 0001 64 0001 74 0002 6162 0001 75 0002 6364';
    const body = Buffer.from(text.replaceAll(' ', ''), 'hex');
    const connect = readConnect(body, PacketType.connect << 4, 0, body.length);
    body.fill(0);
    const read = connect as Extract<typeof connect, { ok: true }>;
    expect(Buffer.from(read.will!.payload).toString()).toBe('ab');
    expect(Buffer.from(read.password!).toString()).toBe('cd');
  });
});

describe('a long frame that waits for its turn', () => {
  it('is taken as it came', () => {
    const taken: string[] = [];
    const handlers = {
      message: (_: unknown, bytes: Uint8Array) => void taken.push(Buffer.from(bytes).toString()),
    } as unknown as ListenerHandlers<string>;
    let turn = (): void => {};
    const soon = (work: () => void): void => {
      turn = work;
    };
    let isHeld = true;
    const route = { path: '/', frameBytesMax: 1, queueBytesMax: 1, handlers };
    const turns = inTurns(route, () => isHeld, { ...pauses, soon }).handlers;
    const frame = Buffer.alloc(20_000, 'a');
    turns.message({ cork: (body: () => void) => body() } as Connection<string>, frame, false);
    frame.fill('b');
    isHeld = false;
    turn();
    expect(taken).toEqual(['a'.repeat(20_000)]);
  });
});
