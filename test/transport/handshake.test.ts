import { describe, expect, it } from 'vitest';
import { handshakeProblem } from '../../src/transport/handshake.ts';

const good: Readonly<Record<string, string>> = {
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
};
const statusOf = (headers: Readonly<Record<string, string>>, method = 'GET') =>
  handshakeProblem({ method, header: (name) => ({ ...good, ...headers })[name] ?? '' })?.status;

describe('a handshake', () => {
  it('is good with what RFC 6455 asks for', () => {
    expect(statusOf({})).toBeUndefined();
    expect(statusOf({ upgrade: 'WebSocket', connection: 'keep-alive , UPGRADE' })).toBeUndefined();
    expect(statusOf({ 'content-length': '0' })).toBeUndefined();
  });

  it.each([
    [{ upgrade: '' }, 426],
    [{ upgrade: 'h2c' }, 426],
    [{ upgrade: 'websocket, h2c' }, 426],
    [{ connection: '' }, 426],
    [{ connection: 'not-upgrade' }, 426],
    [{ 'sec-websocket-version': '8' }, 426],
    [{ 'sec-websocket-version': '' }, 426],
    [{ 'sec-websocket-key': '' }, 400],
    [{ 'sec-websocket-key': 'YWJj' }, 400],
    [{ 'sec-websocket-key': `${good['sec-websocket-key']}, ${good['sec-websocket-key']}` }, 400],
    [{ 'content-length': '1' }, 400],
    [{ 'content-length': 'x' }, 400],
    [{ 'transfer-encoding': 'chunked' }, 400],
  ] as [Record<string, string>, number][])('with %j is answered with %i', (headers, status) =>
    expect(statusOf(headers)).toBe(status),
  );

  it('by another method is answered with 405, and a plain request by any with 426', () => {
    expect(statusOf({}, 'POST')).toBe(405);
    expect(statusOf({ upgrade: '' }, 'POST')).toBe(426);
  });
});
