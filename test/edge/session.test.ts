import { describe, expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { DeviceSession } from '../../src/edge/publish/device-session.ts';
import { HELD_FRAMES_MAX } from '../../src/limits.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import type { Connection } from '../../src/transport/transport.ts';
import { jsonDeviceCodec } from '../../src/wire/hub-frames.ts';

function setUp(idIsGenerated = false) {
  const actor = { role: 'device', id: 'dev', devices: undefined, vip: false } as const;
  const admitted = { ok: true, actor, idIsGenerated, address: 77, expiresAt: 9 } as const;
  const session = new DeviceSession(admitted, 5, 1234, { codec: jsonDeviceCodec, wantsInterest: false });
  const log: string[] = [];
  const connection = {
    transport: 'tcp',
    remoteAddress: '192.0.2.1',
    send: (frame: string | Uint8Array, binary: boolean) => void log.push(`${frame} ${binary}`),
    cork(body: () => void) {
      log.push('cork');
      body();
    },
    ping: () => void log.push('ping'),
    close: (code: number, reason: string) => void log.push(`close ${code} ${reason}`),
    terminate: () => void log.push('terminate'),
    bufferedBytes: () => 321,
  } as unknown as Connection<unknown>;
  return { session, connection, log, counters: new Counters(createCounters()) };
}

describe('a session', () => {
  it('says who it is and how it came', () => {
    const { session } = setUp();
    const { id, number, connectedAt, expiresAt, address, isAnonymous, slot } = session;
    expect({ id, number, connectedAt, expiresAt, address, isAnonymous, slot }).toEqual({
      id: 'dev',
      number: 5,
      connectedAt: 1234,
      expiresAt: 9,
      address: 77,
      isAnonymous: false,
      slot: 0xffffffff,
    });
    const { fresh, gatewayId, silenceMsMin, hold, wantsInterest, closing, closable } = session;
    expect([fresh, gatewayId, silenceMsMin, hold, wantsInterest, closing]).toEqual([
      false,
      '',
      0,
      false,
      false,
      false,
    ]);
    expect(closable).toBe(session);
  });

  it('pays as its role and id, or under a generated id as its address', () => {
    expect([setUp().session.payer, setUp(true).session.payer]).toEqual(['0:dev', '@77']);
  });

  it('holds what must follow the welcome, up to a number of frames', () => {
    const { session, connection, log } = setUp();
    session.attach(connection);
    session.send(undefined);
    for (let n = 0; n < HELD_FRAMES_MAX + 2; n++) session.send(`f${n}`);
    expect([session.welcomed, log]).toEqual([false, []]);
    session.welcome(3, 'welcome');
    expect([session.welcomed, session.slot]).toEqual([true, 3]);
    expect(log).toEqual([
      'cork',
      'welcome false',
      ...Array.from({ length: HELD_FRAMES_MAX }, (_, n) => `f${n} false`),
    ]);
    session.welcome(4, 'again');
    session.send(Uint8Array.of(1, 2));
    session.send(undefined);
    expect(log.slice(HELD_FRAMES_MAX + 2)).toEqual(['again false', '1,2 true']);
  });

  it('counts what it sends', () => {
    const { session, connection, counters } = setUp();
    session.attach(connection, counters);
    session.welcome(3, 'welcome');
    session.send(Uint8Array.of(1, 2));
    expect(counters.cells[Counter.bytesSent]).toBe(9);
  });

  it('hands on to its connection what is asked of it', () => {
    const { session, connection, log } = setUp();
    session.attach(connection);
    session.ping();
    session.close(closes.kicked);
    session.terminate();
    expect(log).toEqual(['ping', `close 4005 ${closes.kicked.reason}`, 'terminate']);
    expect([session.bufferedBytes, session.place, session.closing]).toEqual([321, connection, true]);
  });

  it('that the owner closes is closed', () => {
    const { session, connection, log } = setUp();
    session.attach(connection);
    session.closedByOwner(closes.replaced);
    expect([log.length, session.closing]).toEqual([1, true]);
  });

  it('may have no connection yet', () => {
    const { session } = setUp();
    session.welcome(3, 'welcome');
    session.ping();
    session.terminate();
    session.close(closes.kicked);
    expect([session.bufferedBytes, session.place, session.closing]).toEqual([0, undefined, true]);
  });
});
