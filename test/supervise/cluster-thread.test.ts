/** The cluster link as main sees it, with a thread that says what the test wants. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { FromLinkCommand, LinkFigures, ToLinkCommand } from '../../src/cluster/commands.ts';
import type { CallAnswer } from '../../src/cluster/host.ts';
import { Bells } from '../../src/supervise/bells.ts';
import { ClusterRefused, ClusterThread, type ClusterThreadDeps } from '../../src/supervise/cluster-thread.ts';
import type { ThreadDeps } from '../../src/supervise/thread.ts';

/** The thread that was made last, and what it was told. */
let thread: ThreadDeps<FromLinkCommand>;
let isRunning: boolean;
const told: ToLinkCommand[] = [];

vi.mock('../../src/supervise/thread.ts', () => ({
  Thread: class {
    readonly restarts = 0;

    constructor(deps: ThreadDeps<FromLinkCommand>) {
      thread = deps;
    }

    get life() {
      return isRunning ? life : undefined;
    }

    start(): Promise<void> {
      isRunning = true;
      return Promise.resolve();
    }
  },
}));

/** A run of the thread, and what it was told. */
const lifeTold = (commands: ToLinkCommand[]) => ({
  port: { postMessage: (command: ToLinkCommand) => commands.push(command) },
});
let life = lifeTold(told);

const says = (message: FromLinkCommand): void => thread.received(message, life as never);

function start(more: Partial<ClusterThreadDeps> = {}): Promise<ClusterThread> {
  const deps = { task: { edge: 1, node: 'a' }, log: () => {}, ...more };
  return ClusterThread.start(deps as unknown as ClusterThreadDeps);
}

beforeEach(() => {
  told.length = 0;
  life = lifeTold(told);
});

describe('A hub that waits for its cluster', () => {
  it('goes on once the link is in', async () => {
    const cluster = await start();
    const joined = cluster.joined();
    says({ kind: 'phase', phase: 'claiming' });
    expect(cluster.state).toBe('disconnected');
    says({ kind: 'phase', phase: 'in' });
    await joined;
    await cluster.joined();
    expect(cluster.state).toBe('connected');
  });

  it('hears of a refusal that came before it waited', async () => {
    const cluster = await start();
    says({ kind: 'refused', message: 'Authorization Violation' });
    await expect(cluster.joined()).rejects.toThrow(new ClusterRefused('Authorization Violation'));
  });
});

describe('A link', () => {
  it('counts as disconnected while it is opened anew, and as connected once NATS is there and it is in', async () => {
    const cluster = await start();
    says({ kind: 'connected', connected: true });
    says({ kind: 'phase', phase: 'in' });
    says({ kind: 'connected', connected: false });
    expect(cluster.state).toBe('disconnected');
    says({ kind: 'phase', phase: 'joining' });
    says({ kind: 'connected', connected: true });
    expect(cluster.state).toBe('disconnected');
    says({ kind: 'phase', phase: 'in' });
    expect(cluster.state).toBe('connected');
  });

  it('says why nothing can be changed: NATS is away, or the node is not in the cluster yet', async () => {
    const cluster = await start();
    says({ kind: 'connected', connected: false });
    const away = 'the cluster is disconnected: nothing can be changed';
    expect(cluster.refusal).toBe(away);
    says({ kind: 'connected', connected: true });
    for (const phase of ['joining', 'fenced', 'claiming'] as const) {
      says({ kind: 'phase', phase });
      expect(cluster.refusal, phase).toBe('this node is not part of the cluster yet: ask again');
    }
    says({ kind: 'phase', phase: 'in' });
    expect(cluster.refusal).toBeUndefined();
    isRunning = false;
    expect(cluster.refusal).toBe(away);
  });

  it('that ends answers nobody who waits', async () => {
    const cluster = await start();
    const asked = cluster.ask<'locate'>({ ask: 'locate', device: 'dev-1' });
    thread.ended({} as never, new Error('a bug'));
    await expect(asked).rejects.toThrow('the cluster link ended meanwhile');
    isRunning = false;
    const late = cluster.ask<'locate'>({ ask: 'locate', device: 'dev-1' });
    await expect(late).rejects.toThrow('the cluster link is being restarted');
  });

  it('that is not there any more leaves what it has counted, and no other node', async () => {
    const cluster = await start();
    const counted = { counts: { fences: 3 }, nodes: 4, roundTripMs: 7 } as unknown as LinkFigures;
    const asked = cluster.figures();
    says({ kind: 'answer', request: 1, answer: counted });
    expect(await asked).toEqual(counted);
    isRunning = false;
    expect(await cluster.figures()).toEqual({ ...counted, nodes: 1, roundTripMs: 0 });
  });

  it('that has not been there yet has counted nothing, and is alone', async () => {
    const cluster = await start();
    isRunning = false;
    const { counts, ...others } = await cluster.figures();
    expect(Object.values(counts).every((count) => count === 0)).toBe(true);
    expect(counts).toHaveProperty('nodesLost');
    expect(others).toEqual({ nodes: 1, roundTripMs: 0 });
  });

  it('that takes the place of another goes on counting where that one was', async () => {
    const cluster = await start({
      setByOperators: () => [],
      owner: { setBell: () => {}, edgeGone: () => Promise.resolve() },
      bells: new Bells(2, () => {}),
    });
    const asked = cluster.figures();
    says({
      kind: 'answer',
      request: 1,
      answer: { counts: { fences: 3 }, nodes: 2, roundTripMs: 7 } as never,
    });
    await asked;
    expect(thread.task({} as never).data).toMatchObject({ counts: { fences: 3 } });
  });

  it('that takes the place of another knows whether the hub was in the cluster', async () => {
    const cluster = await start({
      setByOperators: () => [],
      owner: { setBell: () => {}, edgeGone: () => Promise.resolve() },
      bells: new Bells(2, () => {}),
    });
    const wasIn = () => (thread.task({} as never).data as { readonly wasIn: boolean }).wasIn;
    expect(wasIn()).toBe(false);
    says({ kind: 'phase', phase: 'in' });
    await cluster.joined();
    expect(wasIn()).toBe(true);
  });

  it('gets an answer to each question, and the failure of one', async () => {
    const cluster = await start();
    const asked = ['dev-1', 'dev-2'].map((device) => cluster.ask<'locate'>({ ask: 'locate', device }));
    const [one, other] = told.map((command) => (command as { readonly request: number }).request);
    says({ kind: 'failed', request: other!, message: 'the cluster is disconnected' });
    says({ kind: 'answer', request: one!, answer: 'b' });
    await expect(asked[0]).resolves.toBe('b');
    await expect(asked[1]).rejects.toThrow('the cluster is disconnected');
  });
});

it.each([
  [
    'throws at once',
    () => {
      throw new ReferenceError('not yet');
    },
  ],
  ['rejects', () => Promise.reject(new ReferenceError('not yet'))],
])('A route of another node that %s is answered with 500', async (_, call) => {
  const log = vi.fn();
  await start({ call, log });
  says({ kind: 'call', request: 5, name: 'http', body: new Uint8Array(0) });
  await vi.waitFor(() => expect(told).toHaveLength(1));
  const answer = { status: 500, body: new Uint8Array(0) };
  expect(told[0]).toEqual({ kind: 'answer', request: 5, answer });
  expect(log.mock.calls).toEqual([
    ['error', 'a request from another node failed', { name: 'http', err: expect.any(ReferenceError) }],
  ]);
});

it('A route that is done when another run of the link has begun is not answered to that run', async () => {
  let done = (_: CallAnswer): void => {};
  const call = () =>
    new Promise<CallAnswer>((resolve) => {
      done = resolve;
    });
  await start({ call });
  says({ kind: 'call', request: 1, name: 'http', body: new Uint8Array(0) });
  thread.ended(life as never, new Error('a bug'));
  const next: ToLinkCommand[] = [];
  life = lifeTold(next);
  const answer = { status: 200, body: Buffer.from('of the first') };
  done(answer);
  await vi.waitFor(() => expect([...told, ...next]).toHaveLength(1));
  expect(next).toEqual([]); // its own request 1 is another one
  expect(told).toEqual([{ kind: 'answer', request: 1, answer }]);
});
