import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { explaining, refusalIn } from '../../src/cli/explaining-socket.ts';
import { lasting } from '../../src/cli/peer-failure.ts';

/** What the first error of a WebSocket says whose upgrade is answered with this. */
async function refusalOf(status: number, contentType: string, body: string) {
  const server = createServer().on('upgrade', (_request, socket) => {
    const head = [`HTTP/1.1 ${status} No`, `content-type: ${contentType}`, 'connection: close'];
    socket.end([...head, `content-length: ${Buffer.byteLength(body)}`, '', body].join('\r\n'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const errors: string[] = [];
  const socket = new (explaining(WebSocket))(`ws://127.0.0.1:${port}/v1/device`);
  socket.on('error', ({ message }) => errors.push(message));
  await new Promise((resolve) => socket.once('close', resolve));
  return refusalIn(errors[0] ?? '');
}

describe('a WebSocket whose upgrade is refused', () => {
  it('says why in the words of the hub', async () => {
    const words = 'this Host is not allowed, see DAT_ALLOWED_HOSTS';
    expect(await refusalOf(403, 'text/plain; charset=utf-8', `${words}\n`)).toEqual({ status: '403', words });
  });

  it('takes one line, cut and without control characters', async () => {
    const body = `\u001b[2J${'x'.repeat(1000)}\nsecond line`;
    const { words = '' } = (await refusalOf(400, 'text/plain', body)) ?? {};
    expect(words).toMatch(/^\\u001b\[2Jx+$/);
    expect(words.length).toBeLessThan(400);
  });

  it('says the status alone where a page answers', async () => {
    const page = await refusalOf(404, 'text/html', '<h1>Not here</h1>');
    expect(page).toEqual({ status: '404', words: '' });
  });
});

describe('the failure of a command that was refused', () => {
  const attempt = { url: new URL('ws://127.0.0.1:7400'), listener: 'device' } as const;
  const failureOf = async (refusal: string, token: string) =>
    (
      await lasting(
        { message: `closed with 1006: Unexpected server response: ${refusal}` },
        { ...attempt, token },
      )
    )?.message;

  it.each([
    ['403: this Host is not allowed', '', 'the hub refused the connection: this Host is not allowed'],
    [
      '403: the id is not the token’s sub',
      'x.y.z',
      /^the hub refused the connection: the id .+ "dat token inspect"$/,
    ],
    ['400: unknown query parameter "x"', '', 'the hub refused the connection: unknown query parameter "x"'],
    [
      '401: the token has expired',
      'x.y.z',
      /^the hub did not accept the token \(the token has expired\); set /,
    ],
    ['401: a token is needed', '', /^the hub wants a token; set DAT_TOKEN to one from: /],
    ['404: no such path', '', 'ws://127.0.0.1:7400 is not the device listener of a hub'],
    ['400', '', 'ws://127.0.0.1:7400 is not the device listener of a hub'],
    ['503: the hub is draining', '', undefined],
  ])('is, for %j with the token %j, %j', async (refusal, token, expected) => {
    const message = await failureOf(refusal, token);
    if (expected instanceof RegExp) expect(message).toMatch(expected);
    else expect(message).toBe(expected);
  });
});
