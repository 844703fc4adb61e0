import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createDeviceFrame,
  createGatewayFrame,
  parseDeviceBinary,
  parseDeviceText,
  parseGatewayText,
} from '../../src/wire/device-frames.ts';
import { runs } from '../support/runs.ts';

interface Parsed {
  readonly problem: string | undefined;
  readonly type: number;
  readonly priority: number;
  readonly status: string;
  readonly payload: string;
  readonly id: string;
}

const shared = createDeviceFrame(); // one for all, as in ingest: nothing may be left over from the frame before

function parsed(bytes: Uint8Array, parse: typeof parseDeviceText): Parsed {
  const problem = parse(bytes, shared);
  const { type, priority, status, payloadStart, payloadEnd, ackStart, ackEnd } = shared;
  const slice = (start: number, end: number): string => Buffer.from(bytes.subarray(start, end)).toString();
  return {
    problem,
    type,
    priority,
    status,
    payload: slice(payloadStart, payloadEnd),
    id: slice(ackStart, ackEnd),
  };
}

const text = (frame: string): Parsed => parsed(Uint8Array.from(Buffer.from(frame)), parseDeviceText);
const latin1 = (frame: string): Parsed =>
  parsed(Uint8Array.from(Buffer.from(frame, 'latin1')), parseDeviceText);
const binary = (...bytes: number[]): Parsed => parsed(Uint8Array.from(bytes), parseDeviceBinary);

const fine = { problem: undefined, status: '', payload: '', id: '' };

describe('a text frame of a device', () => {
  it('has the default priority of its type', () => {
    expect(text('{"type":"pong"}')).toEqual({ ...fine, type: 1, priority: 1 });
    expect(text('{"type":"message"}')).toEqual({ ...fine, type: 2, priority: 2 });
    expect(text('{"type":"status","status":"ok"}')).toEqual({ ...fine, type: 3, priority: 3, status: 'ok' });
  });

  it('may name its priority', () => {
    for (const [index, name] of ['low', 'normal', 'high'].entries()) {
      expect(text(`{"priority":"${name}","type":"pong"}`).priority).toBe(index + 1);
    }
  });

  it('hands data on without the space around it, and unchanged within', () => {
    for (const data of [
      'null',
      '0',
      '-1.50e+1',
      '"\\u0041"',
      '[ 1 ,2 ]',
      '{"a":1,"a":2}',
      '12345678901234567890',
    ]) {
      expect(text(` { "type" : "message" , "data" :\n ${data}\t, "x" : 1 } `).payload, data).toBe(data);
    }
  });

  it('hands its id on as it was written', () => {
    for (const id of ['1', '-0.50', '12345678901234567890', '"a\\u0062"', `"${'x'.repeat(253)}"`]) {
      expect(text(`{"id": ${id} ,"type":"pong"}`), id).toMatchObject({ problem: undefined, id });
    }
  });

  it('is refused for an id that is no string or number of at most 255 bytes, and that id is not echoed', () => {
    for (const id of ['null', 'true', '[]', '{"a":1}', `"${'x'.repeat(254)}"`]) {
      const { problem, id: echoed } = text(`{"type":"pong","id":${id}}`);
      expect(problem, id).toMatch(/^id: .*; expected a string or a number of at most 255 bytes$/);
      expect(echoed).toBe('');
    }
  });

  it('is refused with its id where that could be read', () => {
    expect(text('{"id":7,"type":"nope"}')).toMatchObject({
      id: '7',
      problem: expect.stringContaining('"nope"; expected'),
    });
    expect(text('{"id":7,"type":"pong","priority":9}')).toMatchObject({
      id: '7',
      problem: expect.any(String),
    });
    expect(text('{"type":"status","id":"a"}')).toMatchObject({ id: '"a"', problem: expect.any(String) });
    expect(text('{"id":7,"data":')).toMatchObject({ id: '7', problem: expect.any(String) });
    expect(text('{"id":{"a":[1]},"data":')).toMatchObject({ id: '', problem: expect.any(String) });
  });

  it('is refused when it is not one JSON object', () => {
    for (const frame of [
      '',
      ' ',
      'null',
      '[]',
      '"a"',
      '{',
      '{}x',
      '{"type":"pong"}{}',
      '{"type":"pong",}',
      '\ufeff{}',
    ]) {
      expect(text(frame).problem, frame).toBe('not a JSON object, or a member nested deeper than 256 levels');
    }
    expect(text('{}').problem).toBe('type: missing; expected "message", "status" or "pong"');
  });

  it('is refused for a type or priority in another case, cut short or of another kind', () => {
    for (const type of ['"Message"', '"messag"', '"messages"', '""', '2', 'null', '["message"]']) {
      expect(text(`{"type":${type}}`).problem, type).toMatch(/^type: /);
    }
    for (const priority of ['"High"', '"hig"', '"highest"', '""', '3', 'null']) {
      expect(text(`{"type":"pong","priority":${priority}}`).problem, priority).toMatch(/^priority: /);
    }
  });

  it('reads names and words that are written with escapes', () => {
    expect(
      text('{"\\u0074ype":"st\\u0061tus","st\\u0061tus":"\\u006fk","pr\\u0069ority":"l\\u006fw"}'),
    ).toEqual({
      ...fine,
      type: 3,
      priority: 1,
      status: 'ok',
    });
  });

  it('counts a status in code points, 1 to 64', () => {
    const status = (value: string): string | undefined =>
      text(JSON.stringify({ type: 'status', status: value })).problem;
    expect([1, 64].map((count) => status('\u{1f50b}'.repeat(count)))).toEqual([undefined, undefined]);
    expect(status('')).toBe('status: 0 characters; expected 1 to 64');
    expect(status('😀'.repeat(65))).toBe('status: 65 characters; expected 1 to 64');
    expect(status('x'.repeat(1000))).toBe('status: 1000 characters; expected 1 to 64');
    expect(status('\u{1f50b}'.repeat(65))).toMatch(/^status: /);
    expect(text('{"type":"status","status":5}').problem).toMatch(/^status: 5; expected/);
  });

  it('takes a status outside UTF-8 with the replacement character', () => {
    expect(text('{"type":"status","status":"a\\ud800"}')).toMatchObject({
      problem: undefined,
      status: 'a\ufffd',
    });
    expect(latin1('{"type":"status","status":"a\xff"}')).toMatchObject({
      problem: undefined,
      status: 'a\ufffd',
    });
    expect(latin1('{"type":"pong","\\u0074\xff":1}').problem).toBeUndefined();
  });

  it('agrees with JSON.parse on the members that count', () => {
    const member = fc.tuple(
      fc.constantFrom('type', 'data', 'priority', 'id', 'status', 'other', 'typ', 'types', ''),
      fc.oneof(fc.json(), fc.constantFrom('"message"', '"status"', '"pong"', '"low"', '"high"', '7', '"x"')),
    );
    fc.assert(
      fc.property(fc.array(member, { maxLength: 8 }), (members) => {
        const frame = `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`;
        const whole = JSON.parse(frame) as { type?: unknown; data?: unknown; id?: unknown };
        const { problem, type, payload, id } = text(frame);
        if (problem !== undefined) return;
        expect(['', 'pong', 'message', 'status'][type]).toBe(whole.type);
        expect(payload === '' ? undefined : JSON.parse(payload)).toEqual(whole.data);
        expect(id === '' ? undefined : JSON.parse(id)).toEqual(whole.id);
      }),
      { numRuns: runs(1500) },
    );
  });
});

describe('a binary frame of a device', () => {
  it('has its type in the low nibble and its priority in the high one, 0 being the default', () => {
    expect(binary(0x01)).toEqual({ ...fine, type: 1, priority: 1 });
    expect(binary(0x02, 97)).toEqual({ ...fine, type: 2, priority: 2, payload: 'a' });
    expect(binary(0x12, 97)).toMatchObject({ type: 2, priority: 1 });
    expect(binary(0x31)).toMatchObject({ type: 1, priority: 3 });
    expect(shared.payloadIsJson).toBe(false);
  });

  it('is refused when empty, or for another type or priority', () => {
    expect(binary().problem).toMatch(/^empty binary frame/);
    for (let head = 0; head < 256; head++) {
      const known = (head & 15) >= 1 && (head & 15) <= 3 && head >> 4 <= 3;
      expect(binary(head, 97).problem === undefined, `byte 0: ${head}`).toBe(known);
    }
  });

  it('of type status holds 1 to 64 characters of UTF-8', () => {
    expect(binary(0x03, ...Buffer.from('l\u00e4dt'))).toMatchObject({
      problem: undefined,
      status: 'l\u00e4dt',
    });
    expect(binary(0x03).problem).toMatch(/^status: 0 characters/);
    expect(binary(0x03, 0xff).problem).toBe('status: the payload is not UTF-8');
    expect(binary(0x03, ...Buffer.alloc(65, 'x')).problem).toMatch(/^status: 65 characters/);
  });
});

describe('a text frame of a gateway', () => {
  const frame = createGatewayFrame();
  const gateway = (given: string) => {
    const problem = parseGatewayText(Uint8Array.from(Buffer.from(given)), frame);
    return { problem, device: frame.device, op: frame.op, type: frame.type };
  };

  it('is a frame of the device that it names', () => {
    expect(gateway('{"type":"message","device":"dev-7","data":1}')).toEqual({
      problem: undefined,
      device: 'dev-7',
      op: '',
      type: 2,
    });
    expect(gateway('{ "device" : "\\u0064ev-7" , "type":"pong" }').device).toBe('dev-7');
    expect(gateway('{"\\u0064evice":"dev-7","type":"pong"}').device).toBe('dev-7');
    expect(gateway('{"device":"a","type":"pong","device":"b"}').device).toBe('b');
  });

  it('opens and closes a device, whatever else it says', () => {
    for (const op of ['open', 'close']) {
      expect(gateway(`{"op":"${op}","device":"dev-7"}`)).toMatchObject({
        problem: undefined,
        device: 'dev-7',
        op,
      });
      expect(gateway(`{"op":"${op}","device":"dev-7","type":"nonsense"}`)).toMatchObject({
        op,
        problem: undefined,
      });
    }
    for (const op of ['"opened"', '""', '1', 'null', '{}']) {
      expect(gateway(`{"op":${op},"device":"dev-7","type":"pong"}`), op).toMatchObject({ op: undefined });
    }
  });

  it('names no device where the id is none, and says so', () => {
    for (const device of [
      '""',
      '"two words"',
      '7',
      'null',
      '["a"]',
      '"."',
      '".."',
      `"${'d'.repeat(129)}"`,
      '"dä"',
    ]) {
      const { problem, device: found } = gateway(`{"type":"pong","device":${device}}`);
      expect(problem, device).toMatch(/^device: /);
      expect(found).toBe('');
    }
    expect(gateway('{"type":"pong"}').problem).toMatch(/^device: missing/);
  });

  it('names none when it is no JSON object, and leaves nothing over for the next', () => {
    for (const given of ['', 'x', '[]', '{"device":"dev-7","type":"pong"', '{"device":"dev-7"}}']) {
      expect(gateway(given), given).toMatchObject({ device: '', problem: expect.any(String) });
    }
    expect(gateway('{"type":"pong"}')).toMatchObject({ device: '', op: '' });
  });

  it('names the device of a frame that is wrong', () => {
    for (const wrong of [
      '"type":"x"',
      '"type":"status"',
      '"type":"pong","priority":1',
      '"type":"pong","id":true',
    ]) {
      expect(gateway(`{"device":"dev-7",${wrong}}`)).toMatchObject({
        device: 'dev-7',
        problem: expect.any(String),
      });
    }
  });

  it('never reads past its end or throws, and says of an event what a device would hear', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('message', 'status', 'pong', 'x'), (data, type) => {
        const rest = `"type":"${type}","data":${data}}`;
        expect(gateway(`{"device":"d",${rest}`).problem).toBe(text(`{${rest}`).problem);
      }),
    );
    fc.assert(
      fc.property(fc.string(), (given) => {
        expect(gateway(given).device).toBe('');
      }),
    );
  });
});
