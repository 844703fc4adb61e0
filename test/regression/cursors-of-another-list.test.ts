/**
 * A list over all nodes took the cursor of a list of one node for none, and began again, so a client that mixed them up
 * never came to an end. One that named a node but no place in its list was sent there, and the node counted as away.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AdminDeps } from '../../src/admin/deps.ts';
import type { LinkQuestion } from '../../src/cluster/commands.ts';
import { Numbering } from '../../src/presence/columns.ts';
import { FakeHub } from '../admin/fake-hub.ts';

let hubs: Record<string, FakeHub>;

beforeEach(async () => {
  const ask = async (question: LinkQuestion): Promise<unknown> => {
    if (question.ask === 'call') return hubs[question.node]!.call(question.name, question.body);
    return { alive: [{ node: 'a' }, { node: 'b' }], lost: [] };
  };
  hubs = {};
  for (const node of ['a', 'b']) {
    const cluster = { node, state: 'connected', ask };
    const hub = new FakeHub({ cluster: cluster as unknown as NonNullable<AdminDeps['cluster']> });
    for (const id of ['1', '2'])
      Atomics.store(hub.registry.devices.rows.home, hub.device(`dev-${node}${id}`), Numbering.here);
    await hub.start();
    hubs[node] = hub;
  }
});
afterEach(() => Promise.all(Object.values(hubs).map((hub) => hub.close())));

const list = (query: string) => hubs['b']!.ask('GET', `/v1/devices?limit=1${query}`);
const cursorOf = ({ body }: Awaited<ReturnType<typeof list>>) => (body as { cursor: string }).cursor;
const badRequest = { status: 400, body: { error: { code: 'bad_request' } } };

describe('A list over all nodes', () => {
  it('goes on with its own cursor', async () => {
    const next = await list(`&scope=cluster&cursor=${cursorOf(await list('&scope=cluster'))}`);
    expect(next).toMatchObject({ status: 200, body: { devices: [{ device: 'dev-a2' }] } });
    expect(next.body).not.toHaveProperty('missingNodes');
  });

  it('refuses the cursor of a list of one node', async () => {
    expect(await list(`&scope=cluster&cursor=${cursorOf(await list(''))}`)).toMatchObject(badRequest);
  });

  it.each([
    ['has no place in its list', 'n.YQ.Mwx'],
    ['is no text of ours', 'n.YQ.zz'],
    ['is spelled in another way', 'n.YR.MQ'],
    ['is no id', 'n.YSBi.MQ'],
  ])('refuses a cursor whose node %s', async (_, cursor) => {
    expect(await list(`&scope=cluster&cursor=${cursor}`)).toMatchObject(badRequest);
  });
});
