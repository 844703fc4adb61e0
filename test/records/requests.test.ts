import { describe, expect, it } from 'vitest';
import { PatternSet } from '../../src/access/pattern-set.ts';
import { DEVICES_PER_SLICE } from '../../src/limits.ts';
import {
  type Join,
  KEEP_AS_SET,
  NO_WILL,
  Op,
  type OpName,
  type Request,
  readActive,
  readDeregister,
  readJoin,
  readLeave,
  readMore,
  readRegister,
  readRequest,
  readSynced,
  readWill,
  SessionKind,
  ToOwnerRecord,
  writeActive,
  writeDeregister,
  writeJoin,
  writeLeave,
  writeMore,
  writeRegister,
  writeRequest,
  writeSynced,
  writeWill,
} from '../../src/records/requests.ts';
import { readBack } from './records-harness.ts';

const join: Join = {
  session: 65,
  kind: SessionKind.subscriber,
  actor: { role: 'subscriber', id: 'sub-1', devices: undefined, vip: false },
  again: false,
  hold: false,
  interest: false,
  gateway: '',
  connectedAt: 1_764_000_000_000,
  ticket: 2 ** 32 + 1,
};
const joined = (value: Join) => readBack((ring) => writeJoin(ring, value), readJoin).values;

describe('a join', () => {
  it('is read as it was written, with what was left out', () => {
    expect(joined(join)).toEqual({ ...join, fresh: false, generated: false, silenceMsMin: 0 });
    const { kind } = readBack((ring) => writeJoin(ring, join), readJoin);
    expect(kind).toBe(ToOwnerRecord.Join);
  });

  it.each(['again', 'hold', 'interest', 'fresh', 'generated'] as const)(
    'has the flag %s for itself',
    (flag) => {
      expect(joined({ ...join, [flag]: true })).toEqual({
        ...join,
        fresh: false,
        generated: false,
        silenceMsMin: 0,
        [flag]: true,
      });
    },
  );

  it.each(['device', 'subscriber', 'gateway'] as const)('may be of the role %s', (role) => {
    const actor = { ...join.actor, role };
    expect(joined({ ...join, kind: SessionKind[role], actor })).toMatchObject({
      kind: SessionKind[role],
      actor: { role },
    });
  });

  it('tells a peer that may follow nothing from one that may follow everything', () => {
    const devices = (list: string[] | undefined) =>
      joined({ ...join, actor: { ...join.actor, devices: list && new PatternSet(list) } }).actor.devices;
    expect(devices(undefined)).toBeUndefined();
    expect(devices([])?.patterns).toEqual([]);
    expect(devices(['b', 'a.*'])?.patterns).toEqual(['b', 'a.*']);
  });

  it('takes no room for what it does not say', () => {
    const bytesOf = (devices: PatternSet | undefined) =>
      readBack((ring) => writeJoin(ring, { ...join, actor: { ...join.actor, devices } }), readJoin).bytes;
    expect(bytesOf(undefined)).toBe(bytesOf(new PatternSet([])));
  });

  it('says whether the peer is a vip, how silent it may be and whose gateway speaks for it', () => {
    const actor = { ...join.actor, vip: true };
    const value = { ...join, actor, silenceMsMin: Number.POSITIVE_INFINITY, gateway: 'gw-1' };
    expect(joined(value)).toMatchObject(value);
  });
});

describe('a leave', () => {
  const left = (value: Parameters<typeof writeLeave>[1]) =>
    readBack((ring) => writeLeave(ring, value), readLeave);

  it('asks for no confirmation and keeps as the settings say, unless it says otherwise', () => {
    expect(left({ session: 1, clean: true })).toMatchObject({
      kind: ToOwnerRecord.Leave,
      values: { session: 1, clean: true, confirm: false, keepMs: KEEP_AS_SET },
    });
    expect(KEEP_AS_SET).toBeLessThan(0); // no length of time
    const said = { session: 2, clean: false, confirm: true, keepMs: 0 };
    expect(left(said).values).toEqual(said);
  });
});

describe('a request', () => {
  const asked = (value: Request) => readBack((ring) => writeRequest(ring, value), readRequest);
  const request: Request = { session: 5, request: 9, op: 'list', devices: undefined, filters: [], types: 7 };

  it.each(Object.keys(Op) as OpName[])('is read as it was written: %s', (op) => {
    const value = { ...request, op, devices: ['a', 'b'], filters: ['c*', '*'], past: true, slice: 5 };
    expect(asked(value)).toMatchObject({ kind: ToOwnerRecord.Request, values: value });
  });

  it('tells all of the subscriber’s devices from none', () => {
    expect(asked(request).values).toEqual({ ...request, past: false, slice: DEVICES_PER_SLICE });
    expect(asked({ ...request, devices: [] }).values.devices).toEqual([]);
    expect(asked(request).bytes).toBe(asked({ ...request, devices: [] }).bytes);
  });
});

it('says who was heard, what page may come and that all was told', () => {
  const session = 0xfffffffe;
  expect(readBack((ring) => writeActive(ring, { session }), readActive)).toMatchObject({
    kind: ToOwnerRecord.Active,
    values: { session },
  });
  const page = { session, request: 0xfffffffd };
  expect(readBack((ring) => writeMore(ring, page), readMore)).toMatchObject({
    kind: ToOwnerRecord.More,
    values: page,
  });
  const term = 0xfffffffc;
  expect(readBack((ring) => writeSynced(ring, { term }), readSynced)).toMatchObject({
    kind: ToOwnerRecord.Synced,
    values: { term },
  });
});

describe('an MQTT client', () => {
  const session = 0xfffffffe;

  it.each([
    { session, clean: true, again: false, ticket: 7, id: 'client-ü' },
    { session, clean: false, again: true, ticket: 2 ** 40, id: '' },
  ])('takes its id, with or without a session, for the first time or again', (values) => {
    expect(readBack((ring) => writeRegister(ring, values), readRegister)).toMatchObject({
      kind: ToOwnerRecord.Register,
      values,
    });
  });

  it('leaves what its session keeps', () => {
    const values = { session, id: 'client-ü', keepMs: 2 ** 40 + 0.5, kept: '{"a":"ü"}' };
    expect(readBack((ring) => writeDeregister(ring, values), readDeregister)).toMatchObject({
      kind: ToOwnerRecord.Deregister,
      values,
    });
  });

  it('leaves a will, and withdraws it', () => {
    const written = (values: Parameters<typeof writeWill>[1]) =>
      readBack((ring) => writeWill(ring, values), readWill);
    const payload = Buffer.from([0, 1, 255]);
    const will = { session, type: 0xfe, payloadIsJson: true, delayMs: 1.5, status: 'verloren – ü', payload };
    expect(written(will)).toMatchObject({ kind: ToOwnerRecord.Will, values: will });
    expect(written({ session, ...NO_WILL }).values).toEqual({
      session,
      type: 0,
      payloadIsJson: false,
      delayMs: Number.POSITIVE_INFINITY,
      status: '',
      payload: Buffer.alloc(0),
    });
  });
});
