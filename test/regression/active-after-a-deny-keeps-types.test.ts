/**
 * An operator denies a pair and makes it active again: the subscriber gets what it had asked for. It got all types of
 * events, and an MQTT client was sent topics that it had never subscribed to.
 */
import { describe, expect, it } from 'vitest';
import { ToOwner } from '../../src/records/commands.ts';
import type { HubSocket } from '../edge/hub-socket.ts';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

type Status = 'deny' | 'active' | 'inactive' | 'allow';

class Story {
  readonly hub = new OneThreadHub();
  device: HubSocket<unknown> | undefined;

  async connectDevice(): Promise<void> {
    this.device = await this.hub.peer('device', 'dev-1');
  }

  async operate(...statuses: readonly Status[]): Promise<void> {
    for (const status of statuses) {
      this.hub.operate({ kind: ToOwner.SetRow, device: 'dev-1', subscriber: 's', status, vip: undefined });
      await this.hub.settle();
    }
  }

  /** The device sends an event of each type. */
  async send(): Promise<void> {
    for (const frame of [{ type: 'message' }, { type: 'status', status: 'busy' }, { type: 'pong' }])
      this.device!.say(frame);
    await this.hub.settle();
  }

  async mqtt(...filters: readonly string[]): Promise<() => Promise<string[]>> {
    const client = await Client.in(this.hub, 's');
    if (filters.length > 0) await client.subscribe(...filters);
    return async () => {
      client.said();
      await this.send();
      return client.events().map((event) => event.split(' ')[0]!);
    };
  }

  async json(...subscribes: readonly object[]): Promise<() => Promise<unknown[]>> {
    const socket = await this.hub.peer('subscriber', 's');
    for (const subscribe of subscribes) socket.say({ op: 'subscribe', ...subscribe });
    await this.hub.settle();
    return async () => {
      socket.frames();
      await this.send();
      return socket
        .frames()
        .filter(({ op }) => op === 'event')
        .map(({ type }) => type);
    };
  }
}

const ALL = ['status', 'message', 'pong']; // by priority

describe('an operator makes a denied pair active', () => {
  it.each([['devices/dev-1/message'], ['devices/+/message']])(
    'an MQTT client gets the topics that it is subscribed to: %s',
    async (filter) => {
      const story = new Story();
      await story.connectDevice();
      const heard = await story.mqtt(filter);
      expect(await heard()).toEqual(['devices/dev-1/message']);
      await story.operate('deny');
      expect(await heard()).toEqual([]);
      await story.operate('active');
      expect(await heard()).toEqual(['devices/dev-1/message']);
    },
  );

  it('that never had a subscription: filters say what is delivered of it', async () => {
    const story = new Story();
    await story.operate('deny');
    await story.connectDevice();
    const heard = await story.mqtt('devices/+/status');
    expect(await heard()).toEqual([]);
    await story.operate('active');
    expect(await heard()).toEqual(['devices/dev-1/status']);
  });

  it('that had no row: filters say what is delivered of it', async () => {
    const story = new Story();
    const heard = await story.mqtt('devices/+/status');
    await story.operate('active');
    await story.connectDevice();
    expect(await heard()).toEqual(['devices/dev-1/status']);
  });

  it('the types of a subscription by id, and of filters, are as they were', async () => {
    const story = new Story();
    await story.connectDevice();
    const heard = await story.json(
      { devices: ['dev-1'], types: ['status'] },
      { devices: ['dev-*'], types: ['pong'] },
    );
    expect(await heard()).toEqual(['status', 'pong']);
    await story.operate('deny', 'active');
    expect(await heard()).toEqual(['status', 'pong']);
  });

  it.each<{ statuses: Status[] }>([
    { statuses: ['deny', 'active'] },
    { statuses: ['deny', 'allow', 'active'] },
    { statuses: ['allow', 'active'] },
    { statuses: ['active'] },
  ])('one that asked for nothing gets all: $statuses', async ({ statuses }) => {
    const story = new Story();
    await story.connectDevice();
    const heard = await story.json();
    await story.operate(...statuses);
    expect(await heard()).toEqual(ALL);
  });

  it('one that had ended its subscription gets all', async () => {
    const story = new Story();
    await story.connectDevice();
    await story.operate('allow');
    const heard = await story.json({ devices: ['dev-1'], types: ['status'] });
    await story.operate('allow', 'deny', 'allow', 'active');
    expect(await heard()).toEqual(ALL);
  });

  it('as paused, and its subscriber resumes it', async () => {
    const story = new Story();
    await story.connectDevice();
    const socket = await story.hub.peer('subscriber', 's');
    socket.say({ op: 'subscribe', devices: ['dev-1'], types: ['status'] });
    await story.hub.settle();
    await story.operate('deny', 'inactive');
    socket.say({ op: 'resume' });
    await story.hub.settle();
    socket.frames();
    await story.send();
    expect(socket.frames().map(({ type }) => type)).toEqual(['status']);
  });
});
