import { expect, it } from 'vitest';
import { closes } from '../../../src/codes.ts';
import { ClientConnection } from '../../../src/edge/mqtt/client-connection.ts';
import type { Connection } from '../../../src/transport/transport.ts';

it('is the connection of the client, but for its end, which is the client’s, and pings, which MQTT has its own of', () => {
  const calls: unknown[] = [];
  const note =
    (name: string) =>
    (...given: unknown[]): void =>
      void calls.push([name, ...given]);
  const socket = {
    ...{ session: undefined, transport: 'tcp', remoteAddress: '192.0.2.7', bufferedBytes: () => 12 },
    ...{ send: note('send'), ping: note('ping'), close: note('close'), terminate: note('terminate') },
    ...{ join: note('join'), leave: note('leave'), cork: (body: () => void) => body() },
  } as Connection<unknown>;
  const client = { close: note('client closes') };
  const connection = new ClientConnection(client, socket);
  expect([connection.transport, connection.remoteAddress, connection.bufferedBytes()]).toEqual([
    ...['tcp', '192.0.2.7', 12],
  ]);
  expect(connection.session).toBe(client);
  const packet = Uint8Array.of(1);
  connection.cork(() => connection.send(packet, true));
  connection.ping();
  connection.join('a');
  connection.leave('a');
  connection.close(closes.slow.code);
  connection.terminate();
  expect(calls).toEqual([
    ['send', packet, true],
    ['join', 'a'],
    ['leave', 'a'],
    ['client closes', closes.slow],
    ['terminate'],
  ]);
});
