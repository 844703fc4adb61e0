/**
 * A slow MQTT client that had missed an event for which the layout has no topic got an empty frame when it had caught up,
 * which was counted as a delivery.
 */
import { expect, it } from 'vitest';
import { SubscriberSession } from '../../src/edge/deliver/subscriber-session.ts';
import type { Connection } from '../../src/transport/transport.ts';
import { Encoding } from '../../src/wire/encodings.ts';
import { jsonSubscriberCodec } from '../../src/wire/hub-frames.ts';
import { FakeThread, QUEUE_BYTES } from '../edge/deliver/fake-thread.ts';

it('a slow MQTT client gets nothing of an event that has no topic', () => {
  const thread = new FakeThread({ mqttTopics: ['{device}=status'] });
  const { edge, link } = thread;
  const actor = { role: 'subscriber', id: 'mqtt', devices: undefined, vip: false } as const;
  const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
  const codec = { ...jsonSubscriberCodec, encoding: Encoding.mqtt5, welcome: () => undefined };
  const terms = { codec, batched: false, every: 0, hold: false, wanted: undefined };
  const session = new SubscriberSession(admitted, edge.nextSession(), 0, terms);
  const sent: unknown[] = [];
  let queued = 0;
  edge.open(session, {
    send: (frame: unknown) => sent.push(frame),
    cork: (body: () => void) => body(),
    join: () => {},
    leave: () => {},
    bufferedBytes: () => queued,
    remoteAddress: '',
  } as unknown as Connection<unknown>);
  link.joined(session.number, 0);
  link.attach(session.number, 0, 'd0', 0); // of a subscription from before it came over MQTT
  link.flush();
  thread.poll();
  queued = QUEUE_BYTES + 1;
  thread.tick();
  thread.events(0, 'normal');
  queued = 0;
  edge.writable(session);
  expect([sent, thread.count('deliveries'), thread.count('laggingSubscribers')]).toEqual([[], 0, 0]);
});
