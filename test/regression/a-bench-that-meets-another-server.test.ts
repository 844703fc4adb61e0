import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { open } from '../../src/cli/bench/connections.ts';
import { websocketWires } from '../../src/cli/bench/wires/websocket.ts';
import { bindFreePort } from '../support/bind-free-port.ts';

/** Connects a device to a server that gives this answer to whatever it is asked. */
async function connectTo(answer: string): Promise<unknown> {
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.write(answer, 'latin1'));
  });
  onTestFinished(() => void server.close());
  const url = new URL(`ws://127.0.0.1:${await bindFreePort(server)}`);
  return open({ wire: websocketWires.websocket, role: 'device', id: 'd', url, token: '', devices: [] });
}

it('says what the server answered, whatever follows the head of the answer', async () => {
  const body = '{"error":{"code":"not_found","message":"no such path"}}';
  const answer = `HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  await expect(connectTo(answer)).rejects.toThrow('device d: HTTP/1.1 404 Not Found');
});

it('ends a connection that gets what no hub sends', async () => {
  const answer = 'HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello';
  await expect(connectTo(answer)).rejects.toThrow('device d: it sent what no hub sends: ');
});
