/** Nodes as processes on a real NATS server: what only real sockets, signals and a real server can show. */

import { isDeepStrictEqual } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { firstOf } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { WAIT_MS } from '../support/waits.ts';
import type { Got } from './support/fake-host.ts';
import { NatsServer, natsServerPath, natsUrl } from './support/nats-server.ts';
import type { NodeSettings } from './support/node-main.ts';
import { NodeProcess } from './support/node-process.ts';

const TIMEOUT_MS = 2000;
/** Where no node is to be lost, none is, however long the host lets it stand still. */
const NOBODY_IS_LOST = { timeoutMs: WAIT_MS };
/** More than any test publishes: a session that ends on a busy machine is mended without a gap. */
const HISTORY = 10_000;
const payloads = (got: readonly Got[]): number[] =>
  got.flatMap((one) => (one.is === 'event' ? [one.payload] : []));
/** Runs of numbers, for errors: `1-100 200`. */
function spans(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run !== undefined && number === run[1] + 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(' ');
}

/** What a follower got, for errors: events as spans of their numbers, the rest as it is. */
function story(got: readonly Got[]): string {
  const said: string[] = [];
  let run: number[] = [];
  const endRun = () => {
    if (run.length > 0) said.push(`events ${spans(run)}`);
    run = [];
  };
  for (const one of got) {
    if (one.is === 'event') run.push(one.payload);
    else {
      endRun();
      said.push(JSON.stringify(one));
    }
  }
  endRun();
  return said.join(', ') || 'nothing';
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1);

describe.skipIf(natsServerPath === undefined)('the link (needs nats-server)', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function startNats(config = ''): Promise<NatsServer> {
    const server = await NatsServer.start(temporaryDirectory(), config);
    cleanups.push(() => server.kill());
    return server;
  }

  async function startNode(
    node: string,
    url: string,
    more: Partial<NodeSettings> = {},
  ): Promise<NodeProcess> {
    const settings = { servers: [url], cluster: 'test', node, timeoutMs: TIMEOUT_MS, historyEvents: HISTORY };
    const started = await NodeProcess.start({ ...settings, ...more });
    cleanups.push(() => started.kill());
    return started;
  }

  async function startNodes(
    names: readonly string[],
    url: string,
    more: Partial<NodeSettings> = {},
  ): Promise<NodeProcess[]> {
    const nodes = await Promise.all(names.map((name) => startNode(name, url, more)));
    for (const node of nodes) await node.joined(names.length - 1);
    return nodes;
  }

  /** Waits until a follower has just these events; in time, says what it has instead. */
  async function receives(node: NodeProcess, id: string, expected: readonly number[]): Promise<void> {
    let got: readonly Got[] = [];
    const isThere = async () => {
      got = await node.got(id);
      return JSON.stringify(payloads(got)) === JSON.stringify(expected);
    };
    await eventually(`${node.name} has ${expected.length} events of ${id}`, isThere, WAIT_MS).catch(
      (error: Error) => {
        throw new Error(`${error.message}; expected ${spans(expected)}; got ${story(got)}`);
      },
    );
  }

  /** A follower's node has joined the device's events: until then it cannot miss any, nor lose the device's home. */
  const isFollowed = (node: NodeProcess, id: string) =>
    eventually(`${node.name} follows ${id}`, async () =>
      (await node.got(id)).some(({ is }) => is === 'entry'),
    );

  async function follow(node: NodeProcess, id: string): Promise<void> {
    await node.ask({ do: 'follow', ids: [id] });
    await isFollowed(node, id);
  }

  async function connectDevice(node: NodeProcess, id: string): Promise<void> {
    await node.ask({ do: 'connectDevice', id });
    await eventually(`${id} is at ${node.name}`, async () => (await node.state()).devices.includes(id));
  }

  let clusters = 0;
  /** A cluster of an attempt's own: nodes of the last attempt may still be there. */
  const ownCluster = (): Partial<NodeSettings> => ({ cluster: `test-${++clusters}` });

  it('carries events of a device to a follower on another node, in batches', async () => {
    const nats = await startNats();
    const [a, b] = (await startNodes(['a', 'b'], nats.url, NOBODY_IS_LOST)) as [NodeProcess, NodeProcess];
    await connectDevice(a, 'dev-1');
    await follow(b, 'dev-1');
    await a.ask({ do: 'publish', id: 'dev-1', from: 1, to: 5000 });
    await receives(b, 'dev-1', upTo(5000));
    const { figures } = await a.state();
    expect(figures['eventsSent']).toBe(5000);
    expect(figures['batchesSent']).toBeLessThan(500);
    const answer = await b.ask<{ status: number; body: string }>({
      do: 'call',
      node: 'a',
      name: 'x',
      body: 'y',
    });
    expect(answer).toEqual({ status: 200, body: 'a x y' });
  });

  it('moves a device with its numbers, and a subscriber with what is kept of it', async () => {
    const nats = await startNats();
    const [a, b, c] = (await startNodes(['a', 'b', 'c'], nats.url, NOBODY_IS_LOST)) as [
      NodeProcess,
      NodeProcess,
      NodeProcess,
    ];
    for (const node of [a, b, c]) await node.ask({ do: 'follow', ids: ['dev-1'] });
    await connectDevice(a, 'dev-1');
    await a.ask({ do: 'publish', id: 'dev-1', from: 1, to: 100 });
    // So a's claim is settled. What the loser of two claims has not numbered yet is lost with its connection.
    for (const node of [a, b, c]) await receives(node, 'dev-1', upTo(100));
    await connectDevice(c, 'dev-1');
    await c.ask({ do: 'publish', id: 'dev-1', from: 101, to: 200 });
    for (const node of [a, b, c]) await receives(node, 'dev-1', upTo(200));
    expect((await a.state()).closed).toEqual({ 'dev-1': 4004 });
    await a.ask({ do: 'connectSubscriber', id: 'sub-1' });
    await a.ask({ do: 'keep', id: 'sub-1', kept: ['dev-1'] });
    await a.ask({ do: 'disconnectSubscriber', id: 'sub-1' });
    await b.ask({ do: 'connectSubscriber', id: 'sub-1' });
    await eventually('it moves', async () => (await b.state()).subscribers['sub-1']?.[0] === 'dev-1');
  });

  it('tells followers of a killed node, and joins them to a node that takes its devices', async () => {
    const nats = await startNats();
    const [a, b, c] = (await startNodes(['a', 'b', 'c'], nats.url)) as [
      NodeProcess,
      NodeProcess,
      NodeProcess,
    ];
    for (const node of [b, c]) await node.ask({ do: 'follow', ids: ['dev-1', 'dev-2'] });
    for (const id of ['dev-1', 'dev-2']) await connectDevice(a, id);
    await a.ask({ do: 'publish', id: 'dev-1', from: 1, to: 10 });
    await receives(b, 'dev-1', upTo(10));
    await isFollowed(b, 'dev-2');
    await a.kill();
    await connectDevice(c, 'dev-1');
    await c.ask({ do: 'publish', id: 'dev-1', from: 11, to: 20 });
    await receives(b, 'dev-1', upTo(20));
    await eventually(
      'b calls dev-2 lost',
      async () => (await b.got('dev-2')).some(({ is }) => is === 'lost'),
      WAIT_MS,
    );
    await b.joined(1);
    const back = await startNode('a', nats.url);
    await back.joined(2);
  });

  it('fences a node that stood still, and joins it again without a loss', async () => {
    const nats = await startNats();
    const [a, b] = (await startNodes(['a', 'b'], nats.url)) as [NodeProcess, NodeProcess];
    await connectDevice(a, 'dev-1');
    await follow(b, 'dev-1');
    await a.ask({ do: 'publish', id: 'dev-1', from: 1, to: 10 });
    await receives(b, 'dev-1', upTo(10));
    b.signal('SIGSTOP');
    const since = performance.now();
    await eventually('a calls b lost', async () => {
      const { members } = await a.state();
      // It may be a that is late: b has to notice that it stood still itself.
      return members.length === 0 && performance.now() - since > 2 * TIMEOUT_MS;
    });
    await a.ask({ do: 'publish', id: 'dev-1', from: 11, to: 500 });
    b.signal('SIGCONT');
    await b.joined(1);
    await a.ask({ do: 'publish', id: 'dev-1', from: 501, to: 510 });
    await receives(b, 'dev-1', upTo(510));
    expect((await b.state()).phases).toContain('fenced');
  });

  it('goes on after a restart of NATS', async () => {
    const nats = await startNats();
    await firstOf('one was connected again too late for the other, or stood still', async () => {
      const [a, b] = (await startNodes(['a', 'b'], nats.url, ownCluster())) as [NodeProcess, NodeProcess];
      await connectDevice(a, 'dev-1');
      await follow(b, 'dev-1');
      await a.ask({ do: 'publish', id: 'dev-1', from: 1, to: 10 });
      await receives(b, 'dev-1', upTo(10));
      for (const pauseMs of [0, 2 * TIMEOUT_MS]) {
        await nats.kill();
        await eventually('a sees it', async () => !(await a.state()).connected);
        const { length: sent } = payloads(await b.got('dev-1'));
        await a.ask({ do: 'publish', id: 'dev-1', from: sent + 1, to: sent + 100 });
        const change = await a.ask<{ ok: boolean }>({ do: 'change', changes: [] });
        expect(change.ok).toBe(false);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        await nats.start();
        await receives(b, 'dev-1', upTo(sent + 100));
      }
      for (const node of [a, b]) await node.joined(1);
      const got = (await Promise.all([a, b].map((node) => node.got('dev-1')))).flat();
      await Promise.all([a.kill(), b.kill()]);
      return got.some(({ is }) => is === 'lost') ? undefined : true;
    });
  });

  it.each(['toServer', 'fromServer'] as const)(
    'fences a node whose link is cut one way (%s), and nobody else',
    async (direction) => {
      const nats = await startNats();
      const proxy = await TcpProxy.start(nats.port);
      cleanups.push(() => proxy.stop());
      await firstOf('the other stood still itself', async () => {
        const own = ownCluster();
        const [a, b] = [await startNode('a', nats.url, own), await startNode('b', natsUrl(proxy.port), own)];
        for (const node of [a, b]) await node.joined(1);
        await connectDevice(a, 'dev-1');
        await connectDevice(a, 'dev-2');
        await follow(b, 'dev-1');
        await a.ask({ do: 'publish', id: 'dev-1', from: 1, to: 10 });
        await receives(b, 'dev-1', upTo(10));
        proxy.stopDirection(direction);
        await eventually('b is fenced', async () => (await b.state()).phases.includes('fenced'));
        await a.ask({ do: 'publish', id: 'dev-1', from: 11, to: 20 });
        proxy.resume();
        proxy.cut();
        await receives(b, 'dev-1', upTo(20));
        const { phases } = await a.state();
        await Promise.all([a.kill(), b.kill()]);
        return phases.join() === 'claiming,in' ? true : undefined;
      });
    },
  );

  it('loses nothing over a link that delays and is cut again and again', async () => {
    const nats = await startNats();
    const proxy = await TcpProxy.start(nats.port);
    cleanups.push(() => proxy.stop());
    const [a, b] = [await startNode('a', nats.url), await startNode('b', natsUrl(proxy.port))];
    for (const node of [a, b]) await node.joined(1);
    await connectDevice(a, 'dev-1');
    await follow(b, 'dev-1');
    for (let round = 0; round < 5; round++) {
      proxy.delayMs = round % 2 === 0 ? 20 : 0;
      await a.ask({ do: 'publish', id: 'dev-1', from: 200 * round + 1, to: 200 * (round + 1) });
      if (round % 2 === 1) proxy.cut();
      await receives(b, 'dev-1', upTo(200 * (round + 1)));
    }
  });

  it('answers an operator when every live node obeys, and names those that do not', async () => {
    const nats = await startNats();
    const [a, b, c] = (await startNodes(['a', 'b', 'c'], nats.url)) as [
      NodeProcess,
      NodeProcess,
      NodeProcess,
    ];
    const deny = { kind: 'pair', device: 'dev-1', subscriber: 's-1', access: 'deny' } as const;
    type Answer = { ok: boolean; pendingNodes: string[] };
    // A node that is slow to confirm is named; then the operator asks again.
    await eventually('every node obeys', async () => {
      const { ok, pendingNodes } = await a.ask<Answer>({ do: 'change', changes: [deny] });
      return ok && pendingNodes.length === 0;
    });
    for (const node of [b, c]) expect((await node.state()).changes).toContainEqual(deny);
    c.signal('SIGSTOP');
    const lifted = { ...deny, device: 'dev-2' };
    // The others may be too late to take a change, too.
    const { pendingNodes } = await eventually('b takes a change', async () => {
      const answer = await b.ask<Answer>({ do: 'change', changes: [lifted] });
      return answer.ok && answer;
    });
    expect(pendingNodes).toContain('c');
    c.signal('SIGCONT');
    await eventually('c obeys', async () =>
      (await c.state()).changes.some((change) => isDeepStrictEqual(change, lifted)),
    );
    await c.joined(2);
  });

  it('rolls over a cluster without losing what is kept of a subscriber', async () => {
    const nats = await startNats();
    const [a, b] = (await startNodes(['a', 'b'], nats.url, NOBODY_IS_LOST)) as [NodeProcess, NodeProcess];
    const ids = Array.from({ length: 50 }, (_, n) => `sub-${n}`);
    for (const id of ids) {
      await a.ask({ do: 'connectSubscriber', id });
      await a.ask({ do: 'keep', id, kept: [`dev-${id}`] });
      await a.ask({ do: 'disconnectSubscriber', id });
    }
    await a.ask({ do: 'leaveSubscribers' });
    await eventually(
      'b keeps all',
      async () => Object.keys((await b.state()).subscribers).length === ids.length,
    );
    await a.ask({ do: 'close' });
    await eventually('b knows', async () => (await b.state()).members.length === 0);
    const again = await startNode('a', nats.url, NOBODY_IS_LOST);
    await again.joined(1);
    await again.ask({ do: 'connectSubscriber', id: 'sub-7' });
    await eventually(
      'it is there again',
      async () => (await again.state()).subscribers['sub-7']?.[0] === 'dev-sub-7',
    );
    expect((await b.state()).subscribers['sub-7']).toBeUndefined();
  });

  it('refuses messages that NATS does not carry', async () => {
    const nats = await startNats('max_payload: 65536');
    await expect(startNode('a', nats.url, { maxMessageBytes: 65_536 })).rejects.toThrow(
      /DAT_MAX_MESSAGE_BYTES/,
    );
    await expect(startNode('a', nats.url, { maxMessageBytes: 60_000 })).resolves.toBeInstanceOf(NodeProcess);
  });

  it('does not join under an id that is in use', async () => {
    const nats = await startNats();
    await firstOf('the first stood still, and the second did not hear it', async () => {
      const own = ownCluster();
      const [a, b] = (await startNodes(['a', 'b'], nats.url, own)) as [NodeProcess, NodeProcess];
      const second = await startNode('a', nats.url, own);
      await new Promise((resolve) => setTimeout(resolve, 3000));
      const [first, later] = [await a.state(), await second.state()];
      await Promise.all([a, b, second].map((node) => node.kill()));
      return later.phase === 0 && first.phases.join() === 'claiming,in' ? true : undefined;
    });
  });
});
