/** RFC 6455 on both listeners: every row of `websocket-cases.ts`, in one write and byte by byte. */
import { describe, expect, it } from 'vitest';
import { Opcode, type RawFrame, RawPeer, upgradeAnswer } from '../support/raw-peer.ts';
import { text } from '../support/websocket-frames.ts';
import { type MatrixRow, marker, uniqueId, useHub } from './harness.ts';
import { handshakeCases, type WebSocketCase, webSocketCases } from './websocket-cases.ts';

const listeners = {
  device: { path: '/v1/device', ask: (id: string) => JSON.stringify({ type: 'pong', id }) },
  subscriber: { path: '/v1/subscribe', ask: (id: string) => JSON.stringify({ op: 'list', id }) },
} as const;

/** A byte at a time up to here; larger cases in one write. */
const DRIBBLED_BYTES_MAX = 200;

export function webSocket({ env }: MatrixRow): void {
  describe('RFC 6455', () => {
    const hub = useHub(env);
    const { DAT_TRANSPORT: transport } = env;
    const storyOn = (row: WebSocketCase): string => (transport === 'ws' ? row.ws : row.uws) ?? row.story;

    describe.each(['device', 'subscriber'] as const)('on the %s listener', (name) => {
      it.each(handshakeCases.map((row) => [`${row.section}, ${row.name}`, row] as const))(
        'the handshake, %s',
        async (_, { headers = {}, line = {}, status, protocol }) => {
          const path = `${listeners[name].path}?id=${uniqueId('rfc')}`;
          const answer = await upgradeAnswer(hub.process[`${name}Port`], path, headers, line);
          expect(answer.status).toBe(status);
          expect(answer.headers['sec-websocket-protocol']).toBe(protocol);
        },
      );

      const { path, ask } = listeners[name];
      const open = async (): Promise<RawPeer> => {
        const peer = await RawPeer.open(hub.process[`${name}Port`], `${path}?id=${uniqueId('rfc')}`);
        await peer.frames.next(); // the welcome
        return peer;
      };

      it.each(webSocketCases.map((row) => [`${row.section}, ${row.name}`, row] as const))(
        '%s',
        async (_, row) => {
          const bytes = Buffer.concat(row.send(ask));
          const peer = await open();
          peer.write(bytes);
          expect(await storyOf(peer, ask)).toBe(storyOn(row));
          if (bytes.length > DRIBBLED_BYTES_MAX) return;
          const slow = await open();
          for (const byte of bytes) {
            slow.write(Buffer.of(byte));
            await new Promise((resolve) => setImmediate(resolve));
          }
          expect(await storyOf(slow, ask), 'byte by byte').toBe(storyOn(row));
        },
      );
    });

    it.each([1011, 1012, 3000, 4999])('holds no close %i for a goodbye', async (code) => {
      const id = uniqueId('dev');
      await (await hub.device(id)).close(code);
      const { device, subscriber } = await hub.pair();
      await marker(device, subscriber); // the owner has heard of the close by then
      expect((await hub.deviceEntry(id))?.state).toBe('online');
    });

    it('and whatever a peer did, the others are served', async () => {
      const { device, subscriber } = await hub.pair();
      await marker(device, subscriber);
    });
  });
}

/** What the peer sees, up to the answer to one more question or the end of the connection. */
async function storyOf(peer: RawPeer, ask: (id: string) => string): Promise<string> {
  peer.write(text(ask('probe')));
  const story: string[] = [];
  for (;;) {
    const frame = await peer.frames.next().catch(() => undefined);
    if (frame === undefined) {
      await peer.closed;
      return [...story, 'end'].join(', ');
    }
    const told = tell(frame);
    if (told !== '') story.push(told);
    if (told === 'answer probe') {
      peer.destroy();
      return story.join(', ');
    }
  }
}

function tell({ opcode, payload }: RawFrame): string {
  if (opcode === Opcode.ping) return '';
  if (opcode === Opcode.pong) return `pong ${payload}`;
  if (opcode === Opcode.close) return payload.length < 2 ? 'close' : `close ${payload.readUInt16BE(0)}`;
  const { op, id, code } = JSON.parse(payload.toString()) as { op: string; id?: string; code?: number };
  return op === 'error' ? `error ${code}` : `answer ${id}`;
}
