import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SUBSCRIBE_DEVICES_MAX } from '../../src/limits.ts';
import { parseDevicesQuery, parseSubscriberOp } from '../../src/wire/subscriber-ops.ts';

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `dev-${index}`);
const op = (frame: unknown): ReturnType<typeof parseSubscriberOp> => parseSubscriberOp(JSON.stringify(frame));

describe('a text frame of a subscriber', () => {
  it('names an op and its devices, without repetitions and in order', () => {
    for (const name of ['subscribe', 'unsubscribe', 'pause', 'resume']) {
      expect(op({ op: name, id: 1, devices: ['b', 'a', 'b'] })).toMatchObject({
        ok: true,
        op: name,
        id: '1',
        named: { devices: ['b', 'a'], filters: [], malformed: [] },
      });
    }
  });

  it('tells ids, filters and what is neither apart', () => {
    expect(op({ op: 'subscribe', devices: ['site-a.*', 'a', '*', 'a b', '**', 'a*b', 7] })).toMatchObject({
      ok: true,
      named: { devices: ['a'], filters: ['site-a.*', '*'], malformed: ['a b', '**', 'a*b', '7'] },
    });
  });

  it('limits a subscribe to event types, all of them when it names none', () => {
    const typesOf = (types: unknown) => op({ op: 'subscribe', devices: ['a'], types });
    expect(typesOf(undefined)).toMatchObject({ ok: true, types: 15 });
    expect(typesOf(['status'])).toMatchObject({ ok: true, types: 12 });
    expect(typesOf(['pong', 'message', 'pong'])).toMatchObject({ ok: true, types: 3 });
    for (const types of [[], ['nope'], 'status', {}, [7], [null], ['toString']]) {
      expect(typesOf(types), JSON.stringify(types)).toMatchObject({ ok: false, code: 107 });
    }
  });

  it('has positions of devices only: what is no id names none, and is not kept', () => {
    const position = { epoch: 'k', seq: 1 };
    const since = { 'dev-1': position, ['x'.repeat(60_000)]: position, 'a b': position, '*': position };
    expect(op({ op: 'since', since })).toMatchObject({ since: new Map([['dev-1', position]]) });
  });

  it('says how many ids it has, each once: those of positions too', () => {
    const position = { epoch: 'k', seq: 1 };
    const since = { a: position, c: position, 'a b': position };
    expect(op({ op: 'subscribe', devices: ['a', 'b', 'a', 'x*', '**'] })).toMatchObject({ ids: 4 });
    expect(op({ op: 'subscribe', devices: ['a', 'x*'], since })).toMatchObject({ ids: 4 });
    expect(op({ op: 'since', since })).toMatchObject({ ids: 3 });
    expect(op({ op: 'pause', devices: ['a', 'b'] })).toMatchObject({ ids: 2 });
    for (const name of ['resume', 'touch', 'list']) expect(op({ op: name })).toMatchObject({ ids: 0 });
  });

  it('asks for the past: the last values, history, or what came since', () => {
    const since = { 'dev-1': { epoch: 'k3', seq: 41 } };
    expect(op({ op: 'subscribe', devices: ['dev-1'], last: true, history: 20, since })).toMatchObject({
      ok: true,
      past: { last: true, history: 20, since: new Map([['dev-1', { epoch: 'k3', seq: 41 }]]) },
    });
    for (const past of [
      { last: 1 },
      { history: 0 },
      { history: 1001 },
      { history: 1.5 },
      { since: [] },
      { since: { 'dev-1': { seq: 1 } } },
      { since: { 'dev-1': { epoch: 'k', seq: -1 } } },
      { since: { 'dev-1': null } },
    ]) {
      const refused = op({ op: 'subscribe', devices: ['dev-1'], ...past });
      expect(refused, JSON.stringify(past)).toMatchObject({ ok: false, code: 107 });
    }
  });

  it('may leave the devices out of pause and resume only', () => {
    expect(op({ op: 'pause' })).toMatchObject({ ok: true, op: 'pause', id: '', named: undefined });
    expect(op({ op: 'resume' })).toMatchObject({ ok: true, op: 'resume', id: '', named: undefined });
    for (const name of ['subscribe', 'unsubscribe'])
      expect(op({ op: name, id: 2 })).toMatchObject({ code: 107, id: '2' });
  });

  it('needs no devices to touch and list', () => {
    expect(op({ op: 'touch' })).toMatchObject({ ok: true, op: 'touch' });
    expect(op({ op: 'list', id: 'x' })).toMatchObject({ ok: true, op: 'list', id: '"x"' });
  });

  it('is refused with 107 when it is not a JSON object', () => {
    for (const text of ['', '{', 'null', '[]', '7', '"subscribe"']) {
      expect(parseSubscriberOp(text), text).toMatchObject({ ok: false, code: 107, id: '' });
    }
  });

  it('is refused with 104 and the known ops when its op is unknown', () => {
    for (const name of ['publish', '', 5, null, ['list'], undefined, '__proto__']) {
      const refused = op({ op: name, id: 3 });
      expect(refused).toMatchObject({ ok: false, code: 104, id: '3' });
      expect(refused).toMatchObject({ message: expect.stringContaining('subscribe, unsubscribe, pause') });
    }
  });

  it('is refused with 106 above 1000 devices', () => {
    expect(op({ op: 'subscribe', devices: ids(SUBSCRIBE_DEVICES_MAX) }).ok).toBe(true);
    expect(op({ op: 'subscribe', devices: ids(SUBSCRIBE_DEVICES_MAX + 1) })).toMatchObject({ code: 106 });
  });

  it('is refused with 107 for devices that are no list, naming what was given, cut', () => {
    for (const devices of [[], 'dev-1', {}, null, 7]) {
      expect(op({ op: 'pause', devices }), JSON.stringify(devices)).toMatchObject({ ok: false, code: 107 });
    }
    const refused = op({ op: 'subscribe', devices: 'x'.repeat(500) });
    expect(refused).toMatchObject({ message: expect.stringContaining(`"${'x'.repeat(40)}"…; expected`) });
  });

  it('does not fail for what in its list is no id: that is answered by itself', () => {
    for (const device of ['a b', '', 7, null, ['a'], {}, 'x'.repeat(129)]) {
      const parsed = op({ op: 'pause', devices: ['a', device] });
      expect(parsed, JSON.stringify(device)).toMatchObject({ ok: true, named: { devices: ['a'] } });
      expect(parsed).toMatchObject({ named: { malformed: [expect.any(String)] } });
    }
  });

  it('echoes its id as it was written, beyond 2^53 too', () => {
    for (const id of ['1', '-7', '"a"', '12345678901234567890', '0.1', '1e21']) {
      expect(parseSubscriberOp(`{"op":"list","id": ${id} }`), id).toMatchObject({ ok: true, id });
    }
    const twice = '{ "id":1, "x":{"id":3}, "\\u0069d" : 98765432109876543210 ,"op":"list"}';
    expect(parseSubscriberOp(twice)).toMatchObject({ ok: true, id: '98765432109876543210' });
  });

  it('is refused for an id that is no string or finite number of at most 256 characters', () => {
    for (const id of ['null', 'true', '[]', '{}', '1e999', `"${'x'.repeat(255)}"`, `0.${'3'.repeat(255)}`]) {
      expect(parseSubscriberOp(`{"op":"list","id":${id}}`), id).toMatchObject({
        ok: false,
        code: 107,
        id: '',
      });
    }
  });

  it('never makes the parser throw, however deep it nests', () => {
    const deep = '['.repeat(30_000) + ']'.repeat(30_000);
    for (const frame of [
      `{"op":${deep}}`,
      `{"op":"list","id":${deep}}`,
      `{"op":"list","id":12345678901234567890,"x":${deep}}`,
    ]) {
      expect(parseSubscriberOp(frame)).toMatchObject({ ok: false });
    }
    for (const devices of [deep, `[{"a":${deep}}]`]) {
      const frame = `{"op":"subscribe","devices":${devices}}`;
      expect(parseSubscriberOp(frame)).toMatchObject({ ok: true, named: { devices: [] } });
    }
    const value = fc.anything({ withNullPrototype: false });
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('op', 'id', 'devices'), value), (frame) => {
        let text: string | undefined;
        try {
          text = JSON.stringify(frame);
        } catch {
          return; // not every value can be written as JSON
        }
        parseSubscriberOp(text);
      }),
    );
  });
});

describe('the devices of the URL', () => {
  it('are ids with commas between', () => {
    expect(parseDevicesQuery('a,b,a')).toEqual({
      ok: true,
      named: { devices: ['a', 'b'], filters: [], malformed: [] },
    });
    for (const value of ['', 'a,', ',a', 'a,,b', 'a b']) {
      const malformed = { ok: true, named: { malformed: [expect.any(String)] } };
      expect(parseDevicesQuery(value), value).toMatchObject(malformed);
    }
    expect(parseDevicesQuery(ids(1001).join(','))).toMatchObject({ ok: false, code: 106 });
  });
});
