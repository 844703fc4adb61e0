/**
 * A subscriber in a process of its own, which can be stopped as a whole: it prints every frame as a line.
 * Arguments: the hub's subscriber port, id, devices.
 */
import { WebSocket } from 'ws';

const [port, id, devices] = process.argv.slice(2);
const RETRY_MS = 50;

function connect(): void {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/subscribe?id=${id}&devices=${devices}`, {
    perMessageDeflate: false,
  });
  socket.on('open', () => process.stdout.write('{"op":"opened"}\n'));
  socket.on('message', (data: Buffer) => process.stdout.write(`${data.toString()}\n`));
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => setTimeout(connect, RETRY_MS));
}

connect();
process.stdin.on('end', () => process.exit(0)).resume(); // not longer than whoever started it
