/** A kept session of MQTT whose client comes with a narrower token, then with a wider one: what that allows comes. */
import { describe, expect, it } from 'vitest';
import { PatternSet } from '../../src/access/pattern-set.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const devices = ['a-1', 'b-1'];

/** Devices are there before and after; `later` and those of `devices` send an event each. */
class Story {
  readonly hub = new OneThreadHub({ historyBytes: 0 });
  client: Client | undefined;

  constructor() {
    this.hub.useTokens();
    for (const id of [...devices, 'a-2', 'b-2']) this.hub.tokens.set(id, { sub: id, role: 'device' });
  }

  /** The client leaves, and comes back with a token that covers these. */
  async connect(...covers: readonly string[]): Promise<Client> {
    this.client?.disconnect();
    await this.hub.settle();
    const patterns = covers.length === 0 ? undefined : new PatternSet(covers);
    this.hub.tokens.set('t', { sub: 's', role: 'subscriber', devices: patterns });
    this.client = await Client.in(this.hub, 's', {
      connect: {
        ...{ clean: false, username: 'u', password: Buffer.from('t') },
        properties: { sessionExpiryInterval: 60 },
      },
    });
    return this.client;
  }

  /** @returns who of them is heard, each sending once */
  async heard(...ids: readonly string[]): Promise<string> {
    this.client!.said();
    for (const id of ids) {
      const socket = await this.hub.connect('device', `id=${id}&token=${id}`);
      if (!('receive' in socket)) throw new Error(socket.message);
      await this.hub.settle();
      socket.receive(JSON.stringify({ type: 'message', data: 1 }));
      await this.hub.settle();
    }
    return this.client!.events()
      .filter((event) => event.includes('/message '))
      .map((event) => event.split('/')[1])
      .join(' ');
  }
}

describe('a kept session with topic filters of many devices', () => {
  it.each(['#', 'devices/#', 'devices/+/message'])(
    'follows what a wider token allows that a narrower one did not: %s',
    async (filter) => {
      const story = new Story();
      const wide = await story.connect();
      expect(await wide.subscribe(filter)).toEqual([0]);
      expect(await story.heard(...devices)).toBe('a-1 b-1');
      await story.connect('a-*');
      expect(await story.heard(...devices, 'b-2')).toBe('a-1');
      await story.connect();
      expect(await story.heard(...devices, 'a-2', 'b-2')).toBe('a-1 b-1 a-2 b-2');
    },
  );

  it('follows it, where the session began with the narrower token', async () => {
    const story = new Story();
    const narrow = await story.connect('a-*');
    await narrow.subscribe('devices/+/message');
    expect(await story.heard(...devices)).toBe('a-1');
    await story.connect('a-*', 'b-1');
    expect(await story.heard(...devices, 'b-2')).toBe('a-1 b-1');
  });

  it('follows it, where the narrower token allowed none of them', async () => {
    const story = new Story();
    const wide = await story.connect();
    await wide.subscribe('#', 'devices/b-1/message');
    await story.connect('c-*');
    expect(await story.heard(...devices)).toBe('');
    await story.connect('a-*', 'b-*');
    expect(await story.heard(...devices)).toBe('a-1 b-1');
  });

  it('leaves alone what an operator removed, where its token is the same', async () => {
    const story = new Story();
    const client = await story.connect('a-*', 'b-*');
    await client.subscribe('#');
    expect(await story.heard(...devices)).toBe('a-1 b-1');
    story.hub.operate({ kind: ToOwner.RemoveRow, device: 'a-1', subscriber: 's' });
    await story.connect('b-*', 'a-*');
    expect(await story.heard(...devices)).toBe('b-1');
  });
});
