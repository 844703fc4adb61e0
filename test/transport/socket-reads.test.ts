import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readIntoBuffer, type TakeBytes, takeReads } from '../../src/transport/socket-reads.ts';
import { bindFreePort } from '../support/bind-free-port.ts';
import { eventually } from '../support/eventually.ts';

/** A socket that a server has accepted, and the client at its other end. */
async function accepted(): Promise<{ socket: Socket; client: Socket }> {
  const server = createServer();
  const client = connect(await bindFreePort(server), '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return { socket, client };
}

function noted(): { take: TakeBytes; reads: Buffer[]; text: () => string } {
  const reads: Buffer[] = [];
  const texts: string[] = [];
  const take: TakeBytes = (bytes) => {
    reads.push(bytes);
    texts.push(bytes.toString());
  };
  return { take, reads, text: () => texts.join('') };
}

describe('what an accepted socket reads', () => {
  it('lies in one buffer for all sockets, on every Node that the hub runs on', async () => {
    const heard = noted();
    for (let n = 0; n < 2; n++) {
      const { socket, client } = await accepted();
      takeReads(socket, heard.take);
      client.write(`hello ${n};`);
      await eventually('the read', () => heard.reads.length === n + 1);
    }
    expect(heard.text()).toBe('hello 0;hello 1;');
    const [first, second] = heard.reads;
    expect(first!.buffer).toBe(second!.buffer);
    expect([first!.byteOffset, second!.byteOffset]).toEqual([0, 0]);
  });

  it('comes behind what was read before', async () => {
    const { socket, client } = await accepted();
    client.write('early;');
    await eventually('what comes early', () => socket.readableLength === 6);
    const heard = noted();
    takeReads(socket, heard.take);
    client.end('late;');
    await once(socket, 'end');
    expect(heard.text()).toBe('early;late;');
  });

  it('is more than one buffer holds, in order', async () => {
    const { socket, client } = await accepted();
    const heard = noted();
    takeReads(socket, heard.take);
    const sent = Array.from({ length: 40_000 }, (_, n) => `${n};`).join('');
    client.end(sent);
    await once(socket, 'end');
    expect(heard.text()).toBe(sent);
  });

  it('comes all the same from a Node that has no such buffer', async () => {
    const { socket, client } = await accepted();
    client.write('early;');
    await eventually('what comes early', () => socket.readableLength === 6);
    Object.assign((socket as unknown as { _handle: object })._handle, { useUserBuffer: undefined });
    const heard = noted();
    takeReads(socket, heard.take);
    client.end('late;');
    await once(socket, 'end');
    expect(heard.text()).toBe('early;late;');
  });

  it('is left alone where something else has the buffer', async () => {
    const { socket } = await accepted();
    expect(readIntoBuffer(socket, () => {})).toBe(true);
    expect(readIntoBuffer(socket, () => {})).toBe(false);
  });
});
