import { describe, expect, it } from 'vitest';
import {
  Admission,
  type AdmissionSettings,
  type Admitted,
  type Credentials,
  type Refused,
  refusalCounters,
} from '../../src/access/admission.ts';
import { type AdmissionMemory, createAdmissionMemory } from '../../src/access/admission-state.ts';
import type { TokenConfig } from '../../src/access/keys.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import { ID_ACCEPTED } from '../../src/wire/id.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { keyPair, SECRET, tokenFor } from '../support/tokens.ts';

const ADDRESS = '10.0.0.1';
const tokens: TokenConfig = { secret: SECRET, publicKey: '', jwksUrl: '', audience: '', issuer: '' };
const unlimited: AdmissionSettings = {
  maxConnectionsPerAddress: 0,
  connectionsPerSecondPerAddress: 0,
  authFailuresPerMinute: 0,
  authBanMs: 60_000,
};

interface Door {
  readonly admission: Admission;
  readonly clock: FakeClock;
  readonly counters: Counters;
  readonly memory: AdmissionMemory;
  /** What a peer from `ADDRESS` is told. */
  enter(credentials?: Partial<Credentials>): Promise<Admitted | Refused>;
}

/** The door of one thread of two. */
function door(
  given: Partial<AdmissionSettings> & {
    readonly connectionsMax?: number;
    readonly tokens?: TokenConfig;
  } = {},
): Door {
  const { connectionsMax = 0, tokens: config, ...settings } = given;
  const clock = new FakeClock();
  clock.wallMs = Date.now();
  const cells = [createCounters(), createCounters()];
  const counters = new Counters(cells[0]!);
  const memory = createAdmissionMemory(cells, connectionsMax, 'seed');
  const admission = new Admission({
    memory,
    thread: 0,
    settings: { ...unlimited, ...settings },
    tokens: config,
    clock,
    counters,
  });
  const enter = async (credentials: Partial<Credentials> = {}): Promise<Admitted | Refused> => {
    const arrived = admission.arrive(ADDRESS);
    if (!arrived.ok) return arrived;
    return admission.admit({
      token: undefined,
      id: undefined,
      role: 'device',
      ...credentials,
      address: arrived.address,
    });
  };
  return { admission, clock, counters, memory, enter };
}

const deviceToken = (): Promise<string> => tokenFor({ sub: 'dev-1', role: 'device' });
const refusal = (reason: Refused['reason'], status: number, message: string, retryAfterSeconds?: number) => ({
  ok: false,
  reason,
  status,
  message,
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
});
const full = refusal('capacity', 503, 'the hub is at its connection limit', 1);
const draining = refusal('draining', 503, 'the hub is draining');

describe('a hub that asks for no token', () => {
  it('takes a peer for what it says it is', async () => {
    const { enter } = door();
    expect(await enter({ id: 'dev-1', token: 'ignored' })).toMatchObject({
      ok: true,
      actor: { role: 'device', id: 'dev-1', devices: undefined, vip: false },
      idIsGenerated: false,
      expiresAt: 0,
    });
    expect(await enter({ id: 'x', role: undefined })).toMatchObject({ actor: { role: 'anyone', id: 'x' } });
  });

  it('gives an id to a subscriber, and to one that has not said what it is', async () => {
    const { enter } = door();
    expect(await enter({ role: 'subscriber' })).toMatchObject({
      ok: true,
      idIsGenerated: true,
      actor: { id: expect.stringMatching(/^s-[0-9a-f-]{36}$/) },
    });
    expect(await enter({ role: undefined })).toMatchObject({
      ok: true,
      idIsGenerated: true,
      actor: { id: expect.stringMatching(/^c-[0-9a-f-]{36}$/) },
    });
  });

  it('refuses a device and a gateway without an id, and what is none', async () => {
    const { enter, counters } = door();
    const refused = refusal('id', 400, `id: expected ${ID_ACCEPTED}`);
    expect(await enter()).toEqual(refused);
    expect(await enter({ role: 'gateway' })).toEqual(refused);
    expect(await enter({ id: 'a b' })).toEqual(refused);
    expect(await enter({ role: 'subscriber', id: '' })).toEqual(refused);
    expect(counters.cells[Counter.upgradesId]).toBe(4);
  });
});

describe('a hub that asks for tokens', () => {
  it('takes the peer for what its token says', async () => {
    const { enter } = door({ tokens });
    const token = await tokenFor({ sub: 'sub-1', role: 'subscriber', devices: ['a.*'], vip: true });
    const answer = await enter({ token, role: 'subscriber' });
    expect(answer).toMatchObject({
      ok: true,
      actor: { role: 'subscriber', id: 'sub-1', vip: true },
      idIsGenerated: false,
      expiresAt: 0,
    });
    expect(answer.ok && answer.actor.devices?.covers('a.1')).toBe(true);
    expect(answer.ok && answer.actor.devices?.covers('b.1')).toBe(false);
    expect(await enter({ token, role: undefined, id: 'sub-1' })).toMatchObject({ ok: true });
  });

  it('refuses a peer that gives none', async () => {
    const { enter, counters } = door({ tokens, authFailuresPerMinute: 1 });
    const refused = refusal('token', 401, 'a token is needed');
    expect(await enter({ token: '' })).toEqual(refused);
    expect(await enter()).toEqual(refused); // to give none is no wrong token: nobody is banned for it
    expect(counters.cells[Counter.upgradesToken]).toBe(2);
  });

  it('refuses another role and another id than the token names, with the reason', async () => {
    const { enter, counters } = door({ tokens });
    const token = await deviceToken();
    expect(await enter({ token, role: 'subscriber' })).toEqual(
      refusal('role', 403, 'the token is not for the role subscriber'),
    );
    const admin = await tokenFor({ sub: 'op', role: 'admin' });
    expect(await enter({ token: admin, role: undefined })).toEqual(
      refusal('role', 403, 'the token is not for a peer'),
    );
    expect(await enter({ token, id: 'dev-2' })).toEqual(refusal('id', 403, "the id is not the token's sub"));
    expect([counters.cells[Counter.upgradesRole], counters.cells[Counter.upgradesId]]).toEqual([2, 1]);
  });

  it('says by the hub clock when the token expires', async () => {
    const { enter, clock } = door({ tokens });
    const exp = Math.floor(clock.wallMs / 1e3) + 600;
    const token = await tokenFor({ sub: 'dev-1', role: 'device', exp });
    const validMs = exp * 1e3 - clock.wallMs;
    clock.nowMs += 0.75;
    expect(await enter({ token })).toMatchObject({ expiresAt: Math.floor(clock.nowMs + validMs) });
  });

  it('answers 401 to a token that has just expired', async () => {
    const { enter, clock } = door({ tokens });
    const exp = Math.floor(clock.wallMs / 1e3) + 1;
    const token = await tokenFor({ sub: 'dev-1', role: 'device', exp });
    expect(await enter({ token })).toMatchObject({ ok: true });
    clock.wallMs = exp * 1e3;
    expect(await enter({ token })).toMatchObject({ ok: false, status: 401 });
  });

  it('bans an address after as many wrong tokens as set, good ones too, until the time is over', async () => {
    const { enter, clock, counters } = door({ tokens, authFailuresPerMinute: 3, authBanMs: 30_000 });
    clock.nowMs = 600_000;
    for (let n = 0; n < 3; n++) expect(await enter({ token: 'wrong' })).toMatchObject({ status: 401 });
    const token = await deviceToken();
    const banned = (seconds: number) =>
      refusal('banned', 429, 'too many wrong tokens from this address', seconds);
    expect(await enter({ token })).toEqual(banned(30));
    clock.advance(29_000);
    expect(await enter({ token })).toEqual(banned(1));
    clock.advance(1000);
    expect(await enter({ token })).toMatchObject({ ok: true });
    expect([counters.cells[Counter.upgradesToken], counters.cells[Counter.upgradesBanned]]).toEqual([3, 2]);
  });

  it('bans nobody for fewer in a minute, nor where that is set to 0', async () => {
    const two = door({ tokens, authFailuresPerMinute: 2 });
    two.clock.nowMs = 600_000;
    const token = await deviceToken();
    for (let n = 0; n < 4; n++) {
      expect(await two.enter({ token: 'wrong' })).toMatchObject({ status: 401 });
      two.clock.advance(60_000);
    }
    expect(await two.enter({ token })).toMatchObject({ ok: true });
    const never = door({ tokens });
    for (let n = 0; n < 50; n++) expect(await never.enter({ token: 'wrong' })).toMatchObject({ status: 401 });
    expect(await never.enter({ token })).toMatchObject({ ok: true });
  });

  it('says that the keys are away, for a moment, and takes that for no wrong token', async () => {
    const jwksUrl = 'http://127.0.0.1:9/keys'; // nobody listens there
    const { enter, counters } = door({
      tokens: { ...tokens, secret: '', jwksUrl },
      authFailuresPerMinute: 1,
    });
    const { privateKey } = await keyPair('ES256');
    const claims = { sub: 'dev-1', role: 'device' };
    const token = await tokenFor(claims, { algorithm: 'ES256', keyId: 'key-1' }, privateKey);
    const refused = refusal('token', 503, 'the keys for tokens are not available right now', 1);
    expect(await enter({ token })).toEqual(refused);
    expect(await enter({ token })).toEqual(refused);
    expect(counters.cells[Counter.upgradesToken]).toBe(2);
  });
});

describe('while a token is being verified', () => {
  it('the door is shut: the peer is refused', async () => {
    const { admission, enter, counters } = door({ tokens });
    const answer = enter({ token: await deviceToken() });
    admission.startDraining();
    expect(await answer).toEqual(draining);
    expect(counters.cells[Counter.upgradesDraining]).toBe(1);
  });

  it('the door is shut: a wrong token counts for nothing any more', async () => {
    const { admission, enter } = door({ tokens, authFailuresPerMinute: 1 });
    const answer = enter({ token: 'wrong' });
    admission.startDraining();
    expect(await answer).toEqual(draining);
    expect(admission.state.addresses.bannedForSeconds(admission.state.addresses.cellOf(ADDRESS), 0)).toBe(0);
  });

  it('others take the last room of the hub: the peer is refused', async () => {
    const { enter, counters, memory } = door({ tokens, connectionsMax: 2 });
    const other = new Counters(memory.counters[1]!);
    counters.cells[Counter.deviceConnections] = 1;
    const answer = enter({ token: await deviceToken() });
    other.cells[Counter.subscriberConnections] = 1;
    expect(await answer).toEqual(full);
    expect(counters.cells[Counter.upgradesCapacity]).toBe(1);
  });

  it('others take the last room of its address: the peer is refused', async () => {
    const { admission, enter, counters } = door({ tokens, maxConnectionsPerAddress: 1 });
    const answer = enter({ token: await deviceToken() });
    admission.opened(admission.state.addresses.cellOf(ADDRESS));
    expect(await answer).toEqual(
      refusal('address_connections', 429, 'more than 1 connections from this address', 1),
    );
    expect(counters.cells[Counter.upgradesAddress]).toBe(1);
  });

  it('others fill the hub: a peer whose connection is open has its room already', async () => {
    const { enter, counters } = door({ tokens, connectionsMax: 1 });
    const answer = enter({ token: await deviceToken(), isOpen: true });
    counters.cells[Counter.mqttConnections] = 1;
    expect(await answer).toMatchObject({ ok: true });
  });
});

describe('a door that is shut', () => {
  it('lets nobody arrive, and nobody in who had arrived before', async () => {
    const { admission, counters } = door({ tokens });
    const arrived = admission.arrive(ADDRESS);
    admission.startDraining();
    expect(admission.arrive(ADDRESS)).toEqual(draining);
    const { address } = arrived as { address: number };
    const token = await deviceToken();
    expect(await admission.admit({ address, token, id: undefined, role: 'device' })).toEqual(draining);
    expect(counters.cells[Counter.upgradesDraining]).toBe(2);
  });
});

describe('an address', () => {
  it('may have as many connections as set; one that closes makes room', () => {
    const { admission, counters } = door({ maxConnectionsPerAddress: 2 });
    const arrive = () => admission.arrive(ADDRESS);
    for (let n = 0; n < 2; n++) {
      const arrived = arrive();
      expect(arrived.ok).toBe(true);
      if (arrived.ok) admission.opened(arrived.address);
    }
    expect(arrive()).toEqual(
      refusal('address_connections', 429, 'more than 2 connections from this address', 1),
    );
    expect(admission.arrive('10.0.0.2').ok).toBe(true);
    admission.closed(admission.state.addresses.cellOf(ADDRESS));
    expect(arrive().ok).toBe(true);
    expect(counters.cells[Counter.upgradesAddress]).toBe(1);
  });

  it('may come as often in a second as set, refused or not', () => {
    const { admission, clock, counters } = door({ connectionsPerSecondPerAddress: 2 });
    clock.nowMs = 5000;
    const come = (count: number) => Array.from({ length: count }, () => admission.arrive(ADDRESS));
    const tooOften = refusal('address_rate', 429, 'more than 2 connections per second', 1);
    expect(come(4)).toEqual([
      { ok: true, address: expect.any(Number) },
      { ok: true, address: expect.any(Number) },
      tooOften,
      tooOften,
    ]);
    clock.nowMs = 5999;
    expect(come(1)).toEqual([tooOften]);
    clock.nowMs = 6000;
    expect(come(1)).toMatchObject([{ ok: true }]);
    expect(counters.cells[Counter.upgradesRate]).toBe(2 + 1);
  });

  it('has no connections left of a thread that starts anew', () => {
    const { admission, memory, clock, counters } = door({ maxConnectionsPerAddress: 1 });
    const arrived = admission.arrive(ADDRESS);
    if (arrived.ok) admission.opened(arrived.address);
    expect(admission.arrive(ADDRESS).ok).toBe(false);
    const settings = { ...unlimited, maxConnectionsPerAddress: 1 };
    const again = new Admission({ memory, thread: 0, settings, tokens: undefined, clock, counters });
    expect(again.arrive(ADDRESS).ok).toBe(true);
  });
});

describe('the hub', () => {
  it('has as many connections as it may, over all threads and roles', () => {
    const { admission, memory, counters } = door({ connectionsMax: 4 });
    const other = new Counters(memory.counters[1]!);
    counters.cells[Counter.deviceConnections] = 1;
    counters.cells[Counter.gatewayConnections] = 1;
    other.cells[Counter.mqttConnections] = 1;
    expect(admission.arrive(ADDRESS).ok).toBe(true);
    other.cells[Counter.subscriberConnections] = 1;
    expect([admission.state.open, admission.state.usedRatio]).toEqual([4, 1]);
    expect(admission.arrive(ADDRESS)).toEqual(full);
    other.cells[Counter.mqttSessions] = 1; // the subscriber came over the MQTT connection: one and the same
    expect([admission.state.open, admission.state.usedRatio]).toEqual([3, 0.75]);
    expect(admission.arrive(ADDRESS).ok).toBe(true);
  });

  it('that has no limit of connections uses no share of it', () => {
    const { admission, counters } = door({ connectionsMax: 0 });
    counters.cells[Counter.deviceConnections] = 7;
    expect(admission.state.usedRatio).toBe(0);
  });

  it('lets nobody in while it is overloaded, whichever thread found that', () => {
    const { admission, memory, clock, counters } = door();
    const main = new Admission({
      memory,
      thread: 1,
      settings: unlimited,
      tokens: undefined,
      clock,
      counters,
    });
    main.state.setOverloaded(true);
    expect(admission.state.isOverloaded()).toBe(true);
    expect(admission.arrive(ADDRESS)).toEqual(refusal('overload', 503, 'the hub is overloaded', 1));
    expect(counters.cells[Counter.upgradesOverload]).toBe(1);
    main.state.setOverloaded(false);
    expect(admission.arrive(ADDRESS).ok).toBe(true);
  });

  it('counts a refusal of each reason by itself', () => {
    const { admission, counters } = door();
    for (const [reason, counter] of Object.entries(refusalCounters)) {
      const before = counters.cells[Counter[counter]]!;
      expect(admission.refuse(reason as Refused['reason'], 400, 'no')).toEqual(
        refusal(reason as Refused['reason'], 400, 'no'),
      );
      expect(counters.cells[Counter[counter]]).toBe(before + 1);
    }
    expect(new Set(Object.values(refusalCounters)).size).toBe(Object.keys(refusalCounters).length);
  });
});
