/**
 * A client of MQTT was given its kept session when the hub had already closed its connection, and its edge gave that
 * back. The owner died before it read that; the next one did not know whose session it was, and kept it for nobody.
 */
import { expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const connect = { clean: false, properties: { sessionExpiryInterval: 60 } };

it.each([
  ['read', false],
  ['acted on', true],
])(
  'what a client that has gone was given is there for it, though the owner died before that was %s',
  async (_what, isTaken) => {
    const hub = new OneThreadHub();
    const first = await Client.in(hub, 's', { connect });
    await first.subscribe('devices/dev/message');
    first.socket.end();
    await hub.settle();
    const second = await Client.open(hub);
    second.sayConnect('s', connect);
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    hub.owner.poll(1000); // gives it its session
    second.socket.session.close(closes.drain);
    hub.isOwnerAway = true;
    await hub.settle(); // its edge gives that back
    if (isTaken) hub.dieAtOnce();
    hub.replaceOwner();
    await hub.settle();
    const third = await Client.connect(hub, 's', { connect });
    expect(third.connack).toMatchObject({ sessionPresent: true });
    (await hub.peer('device', 'dev')).say({ type: 'message', data: 1 });
    await hub.settle();
    expect(third.client.events()).toEqual(['devices/dev/message 1']);
  },
);
