/**
 * A bad frame cost as much as a good one, and yet it was answered with what was wrong with it however far beyond the
 * allowance it was: who sent nothing else never got error 111, nor a time to wait for.
 */
import { describe, expect, it } from 'vitest';
import type { HubSocket } from '../edge/hub-socket.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const RATE = { deviceRate: 2, deviceBurst: 2, subscriberRate: 2, subscriberBurst: 2 };

const badFrames = [
  ['device', 'text that is no JSON', 'nonsense', 107, {}],
  ['device', 'a frame of an unknown type', { type: 'massage', id: 7 }, 107, { id: 7 }],
  ['device', 'a binary frame', Uint8Array.of(0x0f), 107, {}],
  ['gateway', 'text that is no JSON', 'nonsense', 107, {}],
  ['gateway', 'a frame that names no device', { type: 'message', id: 7 }, 107, { id: 7 }],
  ['gateway', 'an unknown op', { device: 'd', op: 'x', id: 7 }, 104, { device: 'd', id: 7 }],
  ['gateway', 'a binary frame', Uint8Array.of(2), 107, {}],
  ['subscriber', 'text that is no JSON', 'nonsense', 107, {}],
  ['subscriber', 'an unknown op', { op: 'x', id: 7 }, 104, { id: 7 }],
  ['subscriber', 'a binary frame', Uint8Array.of(2), 107, {}],
] as const;

function say(socket: HubSocket<unknown>, frame: string | object): void {
  if (typeof frame === 'string' || frame instanceof Uint8Array) socket.receive(frame);
  else socket.say(frame);
}

describe('a bad frame beyond the allowance of a peer', () => {
  it.each(badFrames)('of a %s is error 111 (%s)', async (role, _what, frame, code, named) => {
    const hub = new OneThreadHub({ settings: RATE });
    const peer = await hub.peer(role, 'a');
    peer.frames();
    for (let sent = 0; sent < 3; sent++) say(peer, frame);
    expect(peer.frames()).toMatchObject([
      { op: 'error', code, ...named },
      { op: 'error', code, ...named },
      { op: 'error', code: 111, retryAfterMs: 500, ...named },
    ]);
    hub.clock.advance(500);
    say(peer, frame);
    expect(peer.frames()).toMatchObject([{ code }]);
  });

  it('of a device behind a gateway is error 111, and is charged to the device', async () => {
    const hub = new OneThreadHub({ settings: RATE });
    const gateway = await hub.peer('gateway', 'a');
    gateway.say({ device: 'd', op: 'open' }); // costs the device a frame, too
    await hub.settle();
    gateway.frames();
    for (let sent = 0; sent < 2; sent++) gateway.say({ device: 'd', type: 'massage', id: 7 });
    gateway.say({ type: 'massage', id: 8 });
    expect(gateway.frames()).toMatchObject([
      { op: 'error', device: 'd', id: 7, code: 107 },
      { op: 'error', device: 'd', id: 7, code: 111, retryAfterMs: 500 },
      { op: 'error', id: 8, code: 107 },
    ]);
  });

  it('of a gateway for a device that it may not speak for is error 111', async () => {
    const hub = new OneThreadHub({ settings: { ...RATE, deviceBurst: 1 } });
    const gateway = await hub.peer('gateway', 'a');
    gateway.say({ op: 'open', device: 'd' });
    await hub.settle();
    await hub.peer('device', 'd'); // takes the device over
    gateway.receive(Uint8Array.of(2)); // a binary frame: what is left does not pay for it
    hub.clock.advance(10);
    gateway.receive(Uint8Array.of(2));
    gateway.frames();
    gateway.say({ device: 'd', type: 'message', id: 1 });
    expect(gateway.frames()).toMatchObject([
      { op: 'error', device: 'd', id: 1, code: 111, retryAfterMs: expect.any(Number) },
    ]);
  });
});
