/** Routes that concern a device of no node, of another or of several: on three admin servers that can call each other. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AdminDeps } from '../../src/admin/deps.ts';
import type { LinkQuestion } from '../../src/cluster/commands.ts';
import { CLAIM_NUMBER_MAX } from '../../src/cluster/limits.ts';
import { Registry } from '../../src/owner/registry.ts';
import { Numbering } from '../../src/presence/columns.ts';
import { RowState } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { type OperatorCommand, ToOwner } from '../../src/records/commands.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { FakeHub } from './fake-hub.ts';

const NAMES = ['a', 'b', 'c'];
/** Of an end on all nodes. */
const NUMBER = 1007;
const AWAY = { status: 503, body: new Uint8Array(0) };

let hubs: ReadonlyMap<string, FakeHub>;
/** By device: its home, which says so. */
let homes: Map<string, string>;
let silent: Set<string>;
let lost: Set<string>;
/** By node: the number of its claim of ann. */
let newest: Map<string, number>;
const hub = (name: string): FakeHub => hubs.get(name)!;

/** What a node asks its link. */
async function ask(node: string, question: LinkQuestion): Promise<unknown> {
  switch (question.ask) {
    case 'nodes':
      return {
        alive: [node, ...NAMES.filter((name) => name !== node)].map((name) => ({ node: name })),
        lost: [...lost],
      };
    case 'ending':
      return NUMBER;
    case 'isNewer':
      return (newest.get(node) ?? 0) > question.number;
    case 'locate':
      return homes.get(question.device);
    case 'call':
      return silent.has(question.node) ? AWAY : hub(question.node).call(question.name, question.body);
    default:
      throw new Error(question.ask);
  }
}

beforeEach(async () => {
  homes = new Map();
  silent = new Set();
  lost = new Set();
  newest = new Map();
  hubs = new Map(
    NAMES.map((node) => {
      const cluster = { node, state: 'connected', ask: (question: LinkQuestion) => ask(node, question) };
      return [node, new FakeHub({ cluster: cluster as unknown as NonNullable<AdminDeps['cluster']> })];
    }),
  );
  for (const one of hubs.values()) {
    one.answer = () => ({ ok: false, why: 'not_found', message: 'no device "dev-1"' });
    await one.start();
  }
});
afterEach(() => Promise.all([...hubs.values()].map((one) => one.close())));

/** The nodes have a row for dev-1. */
function known(...names: readonly string[]): void {
  for (const name of names) {
    const { registry } = hub(name);
    const isHome = homes.get('dev-1') === name;
    Atomics.store(
      registry.devices.rows.home,
      hub(name).device('dev-1'),
      isHome ? Numbering.here : Numbering.elsewhere,
    );
    hub(name).answer = () => ({ ok: true });
  }
}

const remove = (node: string) => hub(node).ask('DELETE', '/v1/devices/dev-1');
const removed = { device: 'dev-1', removed: true };
const whole: OperatorCommand = { kind: ToOwner.Terminate, device: 'dev-1' };
const part: OperatorCommand = { ...whole, isPart: true };
const commands = () => Object.fromEntries([...hubs].map(([name, one]) => [name, one.commands]));

describe('a route that another node is to answer', () => {
  it('is answered there', async () => {
    homes.set('dev-1', 'b');
    known('a', 'b');
    expect(await hub('a').ask('GET', '/v1/devices/dev-1?scope=node')).toMatchObject({ status: 200 });
    expect(await hub('c').ask('GET', '/v1/devices/dev-1?scope=node')).toMatchObject({ status: 200 });
  });

  it('is refused, with the reason, when that node does not answer', async () => {
    homes.set('dev-1', 'b');
    silent.add('b');
    for (const method of ['GET', 'DELETE']) {
      const message = 'node "b" does not answer (503)';
      expect(await hub('a').ask(method, '/v1/devices/dev-1')).toMatchObject({
        status: 503,
        body: { error: { code: 'unavailable', message } },
      });
    }
  });
});

describe('a call of another node', () => {
  const kick = (subscriber: unknown, number: unknown) => JSON.stringify({ subscriber, number });

  it.each([
    ['kick', 'no JSON'],
    ['kick', 'null'],
    ['kick', kick(5, NUMBER)],
    ['kick', kick('an n', NUMBER)],
    ['kick', kick('a'.repeat(129), NUMBER)],
    ['kick', kick('ann', '7')],
    ['kick', kick('ann', -1)],
    ['kick', kick('ann', 1.5)],
    ['kick', kick('ann', CLAIM_NUMBER_MAX + 1)],
    ['kick', '{"subscriber":"ann"}'],
    ['end', 'dev 1'],
    ['known', ''],
    ['who', 'a'.repeat(129)],
    ['http', 'no JSON'],
    ['http', '{"method":"GET","url":5,"body":""}'],
    ['http', 'null'],
  ])('that makes no sense is refused, and nothing is done: %s %s', async (name, body) => {
    expect((await hub('a').call(name, Buffer.from(body))).status).toBe(400);
    expect(hub('a').commands).toEqual([]);
  });

  it('of a name that nobody has is not found', async () => {
    expect((await hub('a').call('dance', Buffer.from('dev-1'))).status).toBe(404);
  });

  it('that is answered with what makes no sense counts as not answered', async () => {
    hub('c').call = async () => ({ status: 200, body: Buffer.from('no JSON') });
    known('a');
    expect((await remove('a')).body).toEqual({ ...removed, pendingNodes: ['c'] });
  });
});

describe('DELETE of a device', () => {
  it('that has no home ends it on every node', async () => {
    known('a', 'b', 'c');
    expect(await remove('a')).toMatchObject({ status: 200, body: removed });
    expect(commands()).toEqual({ a: [whole], b: [part], c: [part] });
  });

  it('that this node does not know ends it on those that do', async () => {
    known('b', 'c');
    const { status, body } = await remove('a');
    expect([status, body]).toEqual([200, removed]);
    expect(commands()).toEqual({ a: [whole], b: [part], c: [part] });
  });

  it('that no node knows is not found', async () => {
    expect(await remove('a')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  });

  it('that has a home ends it there, which tells who follows it', async () => {
    homes.set('dev-1', 'b');
    known('a', 'b', 'c');
    for (const node of ['a', 'b']) expect((await remove(node)).body).toEqual(removed);
    expect(commands()).toEqual({ a: [], b: [whole, whole], c: [] });
  });

  it.each([
    ['its row is gone', true],
    ['it had none', false],
  ])('names nodes that did not answer, where %s here', async (_, isKnown) => {
    if (isKnown) known('a');
    silent.add('c');
    expect((await remove('a')).body).toEqual({ ...removed, pendingNodes: ['c'] });
  });

  it('names each node once that did not answer, or not confirm', async () => {
    silent.add('c');
    hub('a').answer = () => ({ ok: true, pendingNodes: ['b', 'c'] });
    expect((await remove('a')).body).toEqual({ ...removed, pendingNodes: ['b', 'c'] });
  });

  it('is refused where the cluster is away, whatever others have done', async () => {
    known('b');
    hub('a').answer = () => Promise.reject(new Error('the cluster is disconnected'));
    expect(await remove('a')).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
  });
});

describe('DELETE of a subscriber', () => {
  const kick = (node: string) => hub(node).ask('DELETE', '/v1/subscribers/ann');
  const kicked = { subscriber: 'ann', removed: true };
  const all: OperatorCommand = { kind: ToOwner.Kick, subscriber: 'ann', forget: false };
  const everywhere: OperatorCommand = { ...all, number: NUMBER };
  const here: OperatorCommand = { ...everywhere, isPart: true };

  it.each([
    ['is connected', true],
    ['keeps its subscriptions', false],
  ])('ends it on the node where it %s', async (_, isConnected) => {
    const { registry } = hub('b');
    const slot = registry.ensureSubscriberOf('ann');
    if (isConnected) Atomics.store(registry.subscribers.rows.session, slot, 7);
    else registry.createRow(hub('b').device('dev-1'), slot, RowState.disconnected);
    hub('b').answer = () => ({ ok: true });
    for (const node of ['a', 'b']) expect((await kick(node)).body).toEqual(kicked);
    expect(commands()).toEqual({ a: [], b: [all, all], c: [] });
  });

  it('ends one of whom only filters are kept on their node', async () => {
    const { registry } = hub('b');
    registry.filters.create(registry.ensureSubscriberOf('ann'), 'dev-', RowState.disconnected, ALL_TYPES);
    hub('b').answer = () => ({ ok: true });
    expect((await kick('a')).body).toEqual(kicked);
    expect(commands()).toEqual({ a: [], b: [all], c: [] });
  });

  it('ends one whose subscriptions lie behind many others', async () => {
    const memory = createPresence({ devices: 300, subscribers: 300, subscriptions: 70_000 });
    const registry = new Registry(memory, 1);
    const slots = (name: string, ensure: (id: string) => number) =>
      Array.from({ length: 260 }, (_, n) => ensure(`${name}-${n}`));
    const devices = slots('dev', (id) => registry.ensureDeviceOf(id));
    for (const subscriber of slots('sub', (id) => registry.ensureSubscriberOf(id)))
      for (const device of devices) registry.createRow(device, subscriber, RowState.disconnected);
    registry.createRow(devices[0]!, registry.ensureSubscriberOf('ann'), RowState.disconnected);
    Object.assign(hub('b').deps, { presence: new PresenceReader(memory) });
    hub('b').answer = () => ({ ok: true });
    expect((await kick('a')).body).toEqual(kicked);
    expect(commands()).toEqual({ a: [], b: [all], c: [] });
  });

  it('that no node has is not found, and ended everywhere', async () => {
    expect(await kick('a')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect(commands()).toEqual({ a: [everywhere], b: [here], c: [here] });
  });

  it('is nothing to who has connected since, at a node that hears of it late', async () => {
    newest.set('b', NUMBER + 1).set('c', NUMBER);
    expect(await kick('a')).toMatchObject({ status: 404 });
    expect(commands()).toEqual({ a: [everywhere], b: [], c: [here] });
  });

  it('is done by a node whose link has just ended', async () => {
    const { cluster } = hub('b').deps;
    Object.assign(cluster!, { ask: () => Promise.reject(new Error('the cluster link ended meanwhile')) });
    await kick('a');
    expect(commands()).toMatchObject({ b: [here] });
  });

  it('names nodes that may have it: they did not answer, or were heard in the last minute', async () => {
    silent.add('c');
    lost.add('d');
    expect((await kick('a')).body).toEqual({ ...kicked, pendingNodes: ['c', 'd'] });
  });

  it('of whom only the word of an operator is here ends it everywhere', async () => {
    const { registry } = hub('a');
    registry.createRow(hub('a').device('dev-1'), registry.ensureSubscriberOf('ann'), RowState.deny);
    hub('a').answer = () => ({ ok: true });
    lost.add('d');
    expect((await kick('a')).body).toEqual({ ...kicked, pendingNodes: ['d'] });
    expect(commands()).toEqual({ a: [everywhere], b: [here], c: [here] });
  });
});

describe('A list over all nodes', () => {
  const list = async (url: string) => (await hub('b').ask('GET', url)).body as Record<string, unknown>;
  const names = ({ devices }: Record<string, unknown>) =>
    (devices as { readonly device: string }[]).map(({ device }) => device);

  beforeEach(() => {
    for (const node of NAMES) {
      const { registry } = hub(node);
      for (const id of [`${node}-1`, `${node}-2`]) {
        const slot = registry.ensureDeviceOf(id);
        Atomics.store(registry.devices.rows.home, slot, Numbering.here);
      }
    }
  });

  it('goes through them in the order of their names, a page at a time', async () => {
    const found: string[] = [];
    let cursor: unknown = '';
    while (cursor !== null) {
      const page = await list(`/v1/devices?scope=cluster&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(page).not.toHaveProperty('missingNodes');
      found.push(...names(page));
      cursor = page['cursor'];
    }
    expect(found).toEqual(['a-1', 'a-2', 'b-1', 'b-2', 'c-1', 'c-2']);
  });

  it('names a device once, by its home, where another node has a row for its id: one that an operator denied', async () => {
    const ids = ['a-1', 'nobody-has-used-it'];
    for (const id of ids) {
      const { registry } = hub('b');
      Atomics.store(registry.devices.rows.home, registry.ensureDeviceOf(id), Numbering.elsewhere);
    }
    const page = await list('/v1/devices?scope=cluster');
    expect(names(page)).toEqual(['a-1', 'a-2', 'b-1', 'b-2', 'c-1', 'c-2']);
    for (const entry of page['devices'] as object[]) expect(entry).toHaveProperty('node');
    expect(names(await list('/v1/devices'))).toEqual(['b-1', 'b-2', ...ids]);
  });

  it('names those that do not answer, and has the items of the others', async () => {
    silent.add('a');
    const page = await list('/v1/devices?scope=cluster');
    expect(page).toMatchObject({ missingNodes: ['a'], cursor: null });
    expect(names(page)).toEqual(['b-1', 'b-2', 'c-1', 'c-2']);
    expect(await list('/v1/subscribers?scope=cluster')).toMatchObject({ missingNodes: ['a'] });
  });

  it.each(['no JSON', 'null'])('names those whose answer makes no sense: %s', async (answer) => {
    hub('a').call = async () => ({ status: 200, body: Buffer.from(answer) });
    expect(await list('/v1/devices?scope=cluster')).toMatchObject({ missingNodes: ['a'] });
  });

  it('of a device names no node that does not know it', async () => {
    known('a', 'b');
    expect(await list('/v1/devices/dev-1/subscribers')).toEqual({ subscribers: [], cursor: null });
    silent.add('c');
    expect(await list('/v1/devices/dev-1/subscribers')).toMatchObject({ missingNodes: ['c'] });
  });
});
