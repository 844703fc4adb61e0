/** An MQTT gateway on an edge whose owner is played by the test. */
import { describe, expect, it } from 'vitest';
import { closes } from '../../../src/codes.ts';
import { MqttGatewaySession } from '../../../src/edge/mqtt/gateway-session.ts';
import type { SessionsClient } from '../../../src/edge/mqtt/sessions.ts';
import { GatewayDevices } from '../../../src/edge/publish/gateways.ts';
import { Counters, createCounters } from '../../../src/memory/counters.ts';
import { createRing } from '../../../src/memory/ring.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { lineInto } from '../../support/no-owner-line.ts';

class Bench {
  readonly closed: number[] = [];
  readonly published: (readonly [packetId: number, skipped: boolean])[] = [];
  readonly failed: number[] = [];
  readonly gateway: MqttGatewaySession;
  readonly gateways: GatewayDevices;
  #numbers = 1;

  constructor() {
    const actor = { role: 'gateway', id: 'gw', devices: undefined, vip: false } as const;
    const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
    const client = {
      silenceMsMin: 45_000,
      welcomed: () => {},
      close: ({ code }: { code: number }) => void this.closed.push(code),
      published: (packetId: number, skipped: boolean) => void this.published.push([packetId, skipped]),
      failUnanswered: (session: number) => void this.failed.push(session),
    } as unknown as SessionsClient;
    this.gateway = new MqttGatewaySession(admitted, 1, 1, client);
    this.gateways = new GatewayDevices({
      line: lineInto(createRing(1024 * 1024)),
      clock: new FakeClock(),
      settings: { maxDevicesPerGateway: 2 },
      nextSession: () => ++this.#numbers,
      chargeConnect: () => true,
      counters: new Counters(createCounters()),
      ended: () => {},
      pauses: { soon: () => {}, later: () => {} },
    });
  }

  speak(id: string) {
    return this.gateways.speak(this.gateway, id, 0);
  }

  device(id: string) {
    const device = this.speak(id);
    if (typeof device === 'string') throw new Error(device);
    return device;
  }
}

describe('a device of an MQTT gateway', () => {
  it('has the answers to its events by packet id, and the silence that the keep-alive allows', () => {
    const bench = new Bench();
    const device = bench.device('dev');
    device.acked(Uint8Array.of(0x12, 0x34), 7, true);
    expect(bench.published).toEqual([[0x1234, true]]);
    expect([device.silenceMsMin, device.gatewayId]).toEqual([45_000, 'gw']);
  });

  it('is refused once it was taken, while the gateway and its other devices stay', () => {
    const bench = new Bench();
    const taken = bench.device('taken');
    const other = bench.device('other');
    taken.closedByOwner(closes.replaced);
    expect(bench.speak('taken')).toBe('taken');
    expect(bench.speak('other')).toBe(other);
    expect(bench.failed).toEqual([taken.number]);
    expect(bench.closed).toEqual([]);
  });

  it.each([closes.overCapacity, closes.rateLimit])(
    'comes back with its next event after $reason, for which MQTT has no `open`',
    (close) => {
      const bench = new Bench();
      const device = bench.device('dev');
      device.closedByOwner(close);
      expect(bench.device('dev')).not.toBe(device);
    },
  );

  it('is refused where the gateway has as many as it may', () => {
    const bench = new Bench();
    bench.device('one');
    bench.device('two');
    expect(bench.speak('three')).toBe('tooMany');
  });
});
