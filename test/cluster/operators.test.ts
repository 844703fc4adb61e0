/** What operators set, in a bucket on Debian's nats-server. */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';
import { createLinkCounts } from '../../src/cluster/figures.ts';
import type { OperatorChange } from '../../src/cluster/host.ts';
import { Operators, type OperatorsDeps } from '../../src/cluster/operators.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { NatsServer, natsServerPath } from './support/nats-server.ts';

const deny = (device: string, subscriber: string): OperatorChange => ({
  kind: 'pair',
  device,
  subscriber,
  access: 'deny',
});

/** One node's view of the bucket, and what its hub was told to obey. */
class Obeying {
  readonly operators: Operators;
  readonly pairs = new Map<string, string>();
  readonly vips = new Set<string>();
  rules: unknown[] = [];
  revision = 0;
  marker = '';
  readonly failures: string[] = [];
  isConnected = true;
  readonly nats: NatsConnection;
  plan = { betterNodes: 0, hasObeyed: false, othersHaveObeyed: false };

  constructor(nats: NatsConnection, name: string, more: Partial<OperatorsDeps> = {}) {
    this.nats = nats;
    this.operators = new Operators({
      nats,
      bucket: 'dat_test',
      replicas: 1,
      node: name,
      figures: createLinkCounts(),
      snapshot: [],
      isConnected: () => this.isConnected,
      apply: (changes, revision) => {
        for (const change of changes) this.#obey(change);
        setImmediate(() => this.operators.applied(revision));
      },
      obeys: (revision, marker) => {
        [this.revision, this.marker] = [revision, marker];
      },
      confirm: () => Promise.resolve([]),
      seedPlan: () => ({ ...this.plan, hasObeyed: this.operators.hasObeyed }),
      failed: (error) => this.failures.push(error.message),
      ...more,
    });
  }

  read(): Promise<void> {
    return new Promise((resolve) => this.operators.read(resolve));
  }

  #obey(change: OperatorChange): void {
    if (change.kind === 'rules') this.rules = [...change.rules];
    else if (change.kind === 'vip') this.vips[change.vip ? 'add' : 'delete'](change.subscriber);
    else if (change.access === undefined) this.pairs.delete(`${change.device} ${change.subscriber}`);
    else this.pairs.set(`${change.device} ${change.subscriber}`, change.access);
  }
}

describe.skipIf(natsServerPath === undefined)('the bucket of what operators set (needs nats-server)', () => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function startNats(folder = temporaryDirectory()): Promise<NatsServer> {
    const server = await NatsServer.start(folder);
    cleanups.push(() => server.kill());
    return server;
  }

  async function obeying(server: NatsServer, name: string, more?: Partial<OperatorsDeps>): Promise<Obeying> {
    const nats = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    const made = new Obeying(nats, name, more);
    cleanups.push(async () => {
      made.operators.close();
      await nats.close();
    });
    return made;
  }

  it('is obeyed by every node, from the first entry on', async () => {
    const server = await startNats();
    const [a, b] = [await obeying(server, 'a'), await obeying(server, 'b')];
    await Promise.all([a.read(), b.read()]);
    expect(a.marker).toBe(b.marker);
    const changes: OperatorChange[] = [
      deny('dev-1', 's-1'),
      { kind: 'vip', subscriber: 's.2', vip: true },
      { kind: 'rules', rules: [{ device: 'lab-*', subscriber: '*', access: 'deny' }] },
    ];
    const result = await a.operators.change(changes);
    expect(result).toMatchObject({ ok: true, pendingNodes: [] });
    const { revision } = result as { revision: number };
    await eventually('b obeys', () => b.revision >= revision);
    for (const node of [a, b]) {
      await eventually('it obeys', () => node.revision >= revision);
      expect(Object.fromEntries(node.pairs)).toEqual({ 'dev-1 s-1': 'deny' });
      expect([...node.vips]).toEqual(['s.2']);
      expect(node.rules).toEqual([{ device: 'lab-*', subscriber: '*', access: 'deny' }]);
    }
    const late = await obeying(server, 'late');
    await late.read();
    expect(Object.fromEntries(late.pairs)).toEqual({ 'dev-1 s-1': 'deny' });
    expect(late.revision).toBeGreaterThanOrEqual(revision);
  });

  it('tells the revision of what is taken away too', async () => {
    const server = await startNats();
    const [a, b] = [await obeying(server, 'a'), await obeying(server, 'b')];
    await Promise.all([a.read(), b.read()]);
    const set = (await a.operators.change([deny('dev-1', 's-1')])) as { revision: number };
    const lifted = (await a.operators.change([
      { kind: 'pair', device: 'dev-1', subscriber: 's-1', access: undefined },
    ])) as { revision: number };
    expect(lifted.revision).toBe(set.revision + 1);
    await eventually('b obeys', () => b.revision >= lifted.revision);
    expect(b.pairs.size).toBe(0);
  });

  it('tells what it holds of a pair, a device and a subscriber', async () => {
    const { operators, ...a } = await obeying(await startNats(), 'a');
    await new Promise<void>((resolve) => operators.read(resolve));
    const allow: OperatorChange = { kind: 'pair', device: 'dev-2', subscriber: 's-1', access: 'allow' };
    const vip: OperatorChange = { kind: 'vip', subscriber: 's-1', vip: true };
    await operators.change([deny('dev-1', 's-1'), deny('dev-1', 's-2'), allow, vip]);
    const held = (of: Parameters<Operators['pairs']>[0]) =>
      operators.pairs(of).map(({ device, subscriber, access }) => `${device} ${subscriber} ${access}`);
    expect(held({ device: 'dev-1', subscriber: 's-2' })).toEqual(['dev-1 s-2 deny']);
    expect(held({ device: 'dev-2', subscriber: 's-2' })).toEqual([]);
    expect(held({ device: 'dev-1' }).sort()).toEqual(['dev-1 s-1 deny', 'dev-1 s-2 deny']);
    expect(held({ subscriber: 's-1' }).sort()).toEqual(['dev-1 s-1 deny', 'dev-2 s-1 allow']);
    expect(a.failures).toEqual([]);
  });

  it('drops what is no longer in it when it is read again', async () => {
    const server = await startNats();
    const [a, b] = [await obeying(server, 'a'), await obeying(server, 'b')];
    await Promise.all([a.read(), b.read()]);
    await a.operators.change([deny('dev-1', 's-1'), deny('dev-2', 's-1')]);
    await eventually('b obeys', () => b.pairs.size === 2);
    b.operators.close(); // away: its watch is over
    await a.operators.change([{ kind: 'pair', device: 'dev-1', subscriber: 's-1', access: undefined }]);
    const again = await obeying(server, 'b', { snapshot: [deny('dev-9', 's-9')] });
    await again.read();
    expect([...again.pairs.keys()]).toEqual(['dev-2 s-1']); // the bucket beats the snapshot
  });

  it('is filled from the snapshot when it is new', async () => {
    const server = await startNats();
    const snapshot: OperatorChange[] = [deny('dev-1', 's-1'), { kind: 'vip', subscriber: 's-2', vip: true }];
    const a = await obeying(server, 'a', { snapshot });
    await a.read();
    expect([...a.pairs.keys()]).toEqual(['dev-1 s-1']);
    const b = await obeying(server, 'b');
    await b.read();
    expect([...b.pairs.keys()]).toEqual(['dev-1 s-1']);
    expect([...b.vips]).toEqual(['s-2']);
  });

  it('is filled by one of several nodes that start at once', async () => {
    const server = await startNats();
    const nodes = await Promise.all(
      ['a', 'b', 'c'].map((name) => obeying(server, name, { snapshot: [deny(`of-${name}`, 's-1')] })),
    );
    await Promise.all(nodes.map((node) => node.read()));
    expect(nodes.flatMap(({ failures }) => failures)).toEqual([]);
    expect(new Set(nodes.map(({ marker }) => marker)).size).toBe(1);
    for (const node of nodes) expect([...node.pairs.keys()]).toEqual([...nodes[0]!.pairs.keys()]);
    expect(nodes[0]!.pairs.size).toBe(1);
  });

  it('is filled from a living node when it was lost, and never taken for "nothing is denied"', async () => {
    const first = await startNats();
    const a = await obeying(first, 'a');
    await a.read();
    await a.operators.change([deny('dev-1', 's-1')]);
    await eventually('a obeys', () => a.pairs.size === 1);
    await first.kill();
    const second = await NatsServer.start(temporaryDirectory(), '', first.port); // an empty store
    cleanups.push(() => second.kill());
    const isBack = (): Promise<boolean> =>
      a.nats.flush().then(
        () => true,
        () => false,
      );
    await eventually('a is back', isBack, 10_000);
    const b = await obeying(second, 'b', { snapshot: [deny('of-b', 's-1')] });
    b.plan = { betterNodes: 1, hasObeyed: false, othersHaveObeyed: true };
    await Promise.all([a.read(), b.read()]);
    for (const node of [a, b]) expect([...node.pairs.keys()]).toEqual(['dev-1 s-1']);
  });

  it('is filled by another node when the first one dies in the middle', async () => {
    const server = await startNats();
    const dying = await obeying(server, 'dying');
    const { Kvm } = await import('@nats-io/kv');
    const kv = await new Kvm(dying.nats).create('dat_test', { history: 1 });
    await kv.create('seeding', JSON.stringify({ node: 'dying' }));
    const a = await obeying(server, 'a', { snapshot: [deny('dev-1', 's-1')] });
    const reading = a.read();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(a.marker).toBe('');
    await reading;
    expect([...a.pairs.keys()]).toEqual(['dev-1 s-1']);
  });

  it('takes no change before it is filled again, as that would be overwritten', async () => {
    const server = await startNats();
    const a = await obeying(server, 'a');
    await a.read();
    await a.operators.change([deny('dev-1', 's-1')]);
    const { Kvm } = await import('@nats-io/kv');
    const { jetstreamManager } = await import('@nats-io/jetstream');
    await (await jetstreamManager(a.nats)).streams.delete('KV_dat_test');
    const kv = await new Kvm(a.nats).create('dat_test', { history: 1 });
    await kv.create('seeding', JSON.stringify({ node: 'other' }));
    const reading = a.read();
    const changing = a.operators.change([deny('dev-2', 's-1')]);
    const [key, allowed] = ['pair.ZGV2LTI.cy0x', JSON.stringify({ access: 'allow' })];
    await new Promise((resolve) => setTimeout(resolve, 300));
    await kv.put(key, allowed); // what the other knows
    await kv.put('marker', JSON.stringify({ id: 'another' }));
    await reading;
    expect(await changing).toMatchObject({ ok: true, pendingNodes: [] });
    expect((await kv.get(key))?.string()).toBe(JSON.stringify({ access: 'deny' }));
    expect(a.pairs.get('dev-2 s-1')).toBe('deny');
    expect(a.marker).toBe('another');
  });

  it('refuses changes while NATS is away', async () => {
    const server = await startNats();
    const a = await obeying(server, 'a');
    expect(await a.operators.change([deny('dev-1', 's-1')])).toMatchObject({ ok: false });
    await a.read();
    a.isConnected = false;
    expect(await a.operators.change([deny('dev-1', 's-1')])).toMatchObject({ ok: false });
    a.isConnected = true;
    await server.freeze();
    expect(await a.operators.change([deny('dev-1', 's-1')])).toMatchObject({ ok: false });
    server.signal('SIGCONT');
  });

  it('counts entries that are none of its own, and goes on', async () => {
    const server = await startNats();
    const figures = createLinkCounts();
    const a = await obeying(server, 'a', { figures });
    await a.read();
    const { Kvm } = await import('@nats-io/kv');
    const kv = await new Kvm(a.nats).open('dat_test');
    for (const [key, value] of [
      ['pair.x', '{}'],
      ['pair.ZGV2LTE.cy0x', 'no json'],
      ['pair.ZGV2LTE.cy0y', '{"access":"maybe"}'],
      ['vip.!', '{}'],
      ['rules', '{"rules":[{"device":"a b"}]}'],
      ['unknown', '{}'],
    ] as const) {
      if (!key.includes('!')) await kv.put(key, value);
    }
    const result = (await a.operators.change([deny('dev-2', 's-1')])) as { revision: number };
    await eventually('it obeys', () => a.revision >= result.revision);
    expect(figures.undecodable).toBe(5);
    expect([...a.pairs.keys()]).toEqual(['dev-2 s-1']);
  });
});
