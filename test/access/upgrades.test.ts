import { describe, expect, it } from 'vitest';
import { Admission } from '../../src/access/admission.ts';
import { createAdmissionMemory } from '../../src/access/admission-state.ts';
import { type UpgradeHead, Upgrades, type UpgradesDeps } from '../../src/access/upgrades.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SECRET, tokenFor } from '../support/tokens.ts';

interface Told {
  readonly reason: string;
  readonly address: string;
  readonly id: string | undefined;
}

interface Route {
  readonly upgrades: Upgrades;
  readonly admission: Admission;
  readonly counters: Counters;
  readonly told: Told[];
}

function route({
  needsToken = false,
  connectionsPerSecond = 0,
  ...deps
}: Partial<Omit<UpgradesDeps, 'admission'>> & {
  readonly needsToken?: boolean;
  readonly connectionsPerSecond?: number;
} = {}): Route {
  const clock = new FakeClock();
  clock.wallMs = Date.now();
  const cells = createCounters();
  const counters = new Counters(cells);
  const admission = new Admission({
    memory: createAdmissionMemory([cells], 0, 'seed'),
    thread: 0,
    settings: {
      maxConnectionsPerAddress: 0,
      connectionsPerSecondPerAddress: connectionsPerSecond,
      authFailuresPerMinute: 0,
      authBanMs: 1000,
    },
    tokens: needsToken ? { secret: SECRET, publicKey: '', jwksUrl: '', audience: '', issuer: '' } : undefined,
    clock,
    counters,
  });
  const told: Told[] = [];
  const upgrades = new Upgrades({
    admission,
    settings: { host: '127.0.0.1', allowedHosts: [], allowedOrigins: [] },
    role: 'subscriber',
    subprotocols: ['dat.v1.json', 'dat.v1.binary'],
    parameters: ['devices'],
    refused: ({ reason }, address, id) => told.push({ reason, address, id }),
    ...deps,
  });
  return { upgrades, admission, counters, told };
}

const head = (query: string, headers: Readonly<Record<string, string>> = {}): UpgradeHead => ({
  query,
  header: (name) => ({ host: 'localhost:7401', ...headers })[name] ?? '',
  remoteAddress: '10.0.0.1',
});

describe('an upgrade', () => {
  it('is admitted with what its head says', () => {
    const { upgrades, told } = route();
    const offered = { 'sec-websocket-protocol': 'other, dat.v1.binary' };
    const answer = upgrades.admit(head('id=sub-1&devices=a,b', offered));
    expect(answer).toMatchObject({
      ok: true,
      actor: { role: 'subscriber', id: 'sub-1' },
      idIsGenerated: false,
      protocol: 'dat.v1.binary',
    });
    expect((answer as { query: URLSearchParams }).query.get('devices')).toBe('a,b');
    expect(told).toEqual([]);
  });

  it('takes its token from the header before the query', async () => {
    const { upgrades } = route({ needsToken: true });
    const [one, other] = await Promise.all(
      ['one', 'other'].map((sub) => tokenFor({ sub, role: 'subscriber' })),
    );
    const id = async (query: string, headers = {}) => {
      const answer = await upgrades.admit(head(query, headers));
      return answer.ok ? answer.actor.id : answer.reason;
    };
    expect(await id(`token=${one}`)).toBe('one');
    expect(await id('', { authorization: `Bearer ${one}` })).toBe('one');
    expect(await id(`token=${one}`, { authorization: `Bearer ${other}` })).toBe('other');
    expect(await id(`token=${one}`, { authorization: `Basic ${other}` })).toBe('one');
    expect(await id(`token=${one}&id=one`)).toBe('one');
    expect(await id(`token=${one}&id=other`)).toBe('id');
  });
});

describe('an upgrade is refused', () => {
  it.each([
    ['for its Host', '', { host: 'evil.example' }, 'host', 403, /^this Host is not allowed/],
    ['for its Origin', '', { origin: 'https://evil.example' }, 'origin', 403, /^this Origin is not allowed/],
    ['for its query', 'device=a', {}, 'request', 400, /did you mean devices\?$/],
    ['for its subprotocols', '', { 'sec-websocket-protocol': 'x' }, 'request', 400, /^unknown subprotocol/],
    ['for its id', 'id=a%20b', {}, 'id', 400, /^id: expected /],
  ] as const)('%s, with the reason', async (_what, query, headers, reason, status, message) => {
    const { upgrades, told } = route();
    const answer = await upgrades.admit(head(query, headers));
    expect(answer).toMatchObject({ ok: false, reason, status, message: expect.stringMatching(message) });
    expect((answer as { headers: unknown }).headers).toEqual({});
    expect(told).toEqual([
      { reason, address: '10.0.0.1', id: query === '' || !query.startsWith('id') ? undefined : 'a b' },
    ]);
  });

  it('without a token, with what would be one', async () => {
    const { upgrades, told, counters } = route({ needsToken: true });
    const answer = await upgrades.admit(head('id=sub-1'));
    expect(answer).toEqual({
      ok: false,
      reason: 'token',
      status: 401,
      message:
        'a token is needed: in the header Authorization, after "Bearer", or as the query parameter "token"',
      headers: { 'WWW-Authenticate': 'Bearer' },
    });
    expect(told).toEqual([{ reason: 'token', address: '10.0.0.1', id: 'sub-1' }]);
    expect(counters.cells[Counter.upgradesToken]).toBe(1);
  });

  it('with a wrong token, which it says in the header of RFC 6750', async () => {
    const { upgrades, told, counters } = route({ needsToken: true });
    const answer = await upgrades.admit(head('token=wrong'));
    expect(answer).toMatchObject({
      status: 401,
      headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
    });
    expect(told).toEqual([{ reason: 'token', address: '10.0.0.1', id: undefined }]);
    expect(counters.cells[Counter.upgradesToken]).toBe(1);
  });

  it('for the moment, with the time after which to try again', () => {
    const { upgrades, told } = route({ connectionsPerSecond: 1 });
    upgrades.check(head(''));
    const answer = upgrades.check(head(''));
    expect(answer).toMatchObject({ status: 429, headers: { 'Retry-After': '1' } });
    expect(told).toEqual([{ reason: 'address_rate', address: '10.0.0.1', id: undefined }]);
  });

  it('when it names no id where it must, with an example', async () => {
    const { upgrades } = route({ role: 'device' });
    expect(await upgrades.admit(head(''))).toMatchObject({
      message: expect.stringMatching(/, as in \?id=dev-1$/),
    });
    const wrong = await upgrades.admit(head('id=a%20b'));
    expect((wrong as { message: string }).message).not.toContain('as in');
  });
});

describe('a route on which peers say later what they are', () => {
  it('takes neither an id nor a token in the query', () => {
    const { upgrades, told } = route({ role: undefined, parameters: [] });
    expect(upgrades.check(head(''))).toMatchObject({ ok: true, protocol: undefined });
    expect(upgrades.check(head('id=a'))).toMatchObject({ ok: false, status: 400 });
    expect(upgrades.check(head('token=a'))).toMatchObject({ ok: false, status: 400 });
    expect(told.map(({ reason }) => reason)).toEqual(['request', 'request']);
  });

  it('may have nobody to tell of refusals', () => {
    const { admission } = route();
    const upgrades = new Upgrades({
      admission,
      settings: { host: '127.0.0.1', allowedHosts: [], allowedOrigins: [] },
      role: undefined,
      subprotocols: [],
      parameters: [],
    });
    expect(upgrades.check(head('id=a'))).toMatchObject({ ok: false });
  });
});

describe('the Host', () => {
  it('is not looked at where a token is asked for', () => {
    const { upgrades } = route({ needsToken: true, role: undefined, parameters: [] });
    expect(upgrades.check(head('', { host: 'evil.example' }))).toMatchObject({ ok: true });
  });

  it('may be that of the page, or the page may be an allowed one', () => {
    const own = { host: 'localhost:7401', origin: 'http://localhost:7401' };
    expect(route().upgrades.check(head('', own))).toMatchObject({ ok: true });
    const settings = { host: '127.0.0.1', allowedHosts: [], allowedOrigins: ['https://page.example'] };
    const { upgrades } = route({ settings });
    expect(upgrades.check(head('', { origin: 'https://page.example' }))).toMatchObject({ ok: true });
    expect(upgrades.check(head('', own))).toMatchObject({ ok: false, reason: 'origin' });
  });
});
