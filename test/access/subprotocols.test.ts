import { describe, expect, it } from 'vitest';
import { chooseSubprotocol } from '../../src/access/subprotocols.ts';

const known = ['dat.v1.json', 'dat.v1.binary'];

describe('a subprotocol', () => {
  it.each([
    ['', undefined],
    ['dat.v1.binary', 'dat.v1.binary'],
    ['dat.v1.binary, dat.v1.json', 'dat.v1.binary'],
    ['arduino,dat.v1.json', 'dat.v1.json'],
  ])('offered as %j is chosen: %s', (offered, protocol) =>
    expect(chooseSubprotocol(offered, known)).toEqual({ ok: true, protocol }),
  );

  it.each(['arduino', 'dat.v1', 'DAT.V1.JSON'])(
    'is refused when only %j is offered, and the known are named',
    (offered) =>
      expect(chooseSubprotocol(offered, known)).toEqual({
        ok: false,
        message: 'unknown subprotocol; expected dat.v1.json or dat.v1.binary',
      }),
  );

  it.each([',', 'dat.v1.json,', 'dat.v1.json,,x', 'a b', 'dat.v1.json, dat.v1.json', 'x"', '"x'])(
    'is no list: %j',
    (offered) =>
      expect(chooseSubprotocol(offered, known)).toEqual({
        ok: false,
        message: 'Sec-WebSocket-Protocol: expected a list of different names',
      }),
  );

  it('is refused by a route that knows none, in words', () =>
    expect(chooseSubprotocol('dat.v1.json', [])).toEqual({
      ok: false,
      message: 'unknown subprotocol; expected none',
    }));
});
