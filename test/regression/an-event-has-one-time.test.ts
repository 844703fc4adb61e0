/**
 * The time of an event was read once for the live stream of the dashboard and once more for its followers and the history.
 * A thread that lost its core in between told two times, and the dashboard listed the event twice.
 */
import { expect, it, vi } from 'vitest';
import { LiveTaps } from '../../src/admin/live-taps.ts';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const senders = {
  'a device': async (hub: OneThreadHub) =>
    (await hub.peer('device', 'dev')).say({ type: 'message', data: 1 }),
  'an MQTT client': async (hub: OneThreadHub) =>
    (await Client.in(hub, 'dev')).publish('devices/dev/message', '1'),
};

it.each(Object.entries(senders))(
  'an event of %s has one time, however slow its thread is',
  async (_, send) => {
    const hub = new OneThreadHub();
    const { taps } = hub.edge.publisher;
    const live = new LiveTaps({ tap: (device, listener) => taps.add(device, listener) }, () => {});
    live.set(['dev']);
    const follower = await hub.peer('subscriber', 's', '&devices=dev&types=message');
    follower.frames();
    let wallMs = hub.clock.wallNow();
    vi.spyOn(hub.clock, 'wallNow').mockImplementation(() => {
      wallMs += 100;
      return wallMs;
    });
    await send(hub);
    await hub.settle();
    const [told] = live.fetch();
    const [event] = follower.frames().filter(({ op }) => op === 'event');
    expect(told?.events).toMatchObject([{ at: event!['at'], json: '1' }]);
  },
);
