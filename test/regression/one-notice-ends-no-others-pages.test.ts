/**
 * A subscriber that comes back reads the pages of what it had. Whatever else the hub told it meanwhile was taken for the
 * last of those pages: nobody asked for the rest, and what that would have named stayed away.
 */
import { describe, expect, it } from 'vitest';
import { ToOwner } from '../../src/records/commands.ts';
import { HubSocket } from '../edge/hub-socket.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const names = Array.from({ length: 20 }, (_, n) => `dev-${n}`);
/** A page ends after some of the devices. */
const QUEUE_BYTES = 1000;
const UNREAD_BYTES = QUEUE_BYTES * QUEUE_BYTES;

interface Frame {
  readonly op: string;
  readonly resumed?: readonly string[];
  readonly devices?: readonly (string | { readonly device: string })[];
  readonly more?: boolean;
}

/** A subscriber of twenty devices and a filter has come back, and has read nothing of what it had. */
async function returned() {
  const hub = new OneThreadHub({ owner: { sendQueueMaxBytes: QUEUE_BYTES } });
  const before = await hub.peer('subscriber', 's');
  before.say({ op: 'subscribe', devices: [...names, 'x-*'] });
  await hub.settle();
  before.end();
  await hub.settle();
  const socket = await hub.connect('subscriber', 'id=s');
  if (!(socket instanceof HubSocket)) throw new Error(socket.message);
  socket.queued = UNREAD_BYTES;
  await hub.settle();
  return { hub, socket };
}

/** It reads, page after page. @returns all that it was told */
async function readAll({ hub, socket }: Awaited<ReturnType<typeof returned>>): Promise<Frame[]> {
  for (let page = 0; page < names.length; page++) {
    socket.queued = 0;
    hub.edge.writable(socket.session as never);
    socket.queued = UNREAD_BYTES;
    await hub.settle();
  }
  return socket.frames() as unknown as Frame[];
}

const others = {
  'a device that its filter follows has appeared': async (hub: OneThreadHub) =>
    void (await hub.peer('device', 'x-1')),
  'an operator has allowed it another device': (hub: OneThreadHub) =>
    void hub.operate({
      kind: ToOwner.SetRow,
      device: 'other',
      subscriber: 's',
      status: 'active',
      vip: undefined,
    }),
  'an operator has denied it a device that was named': (hub: OneThreadHub) =>
    void hub.operate({
      kind: ToOwner.SetRow,
      device: 'dev-19',
      subscriber: 's',
      status: 'deny',
      vip: undefined,
    }),
};

describe('the pages of what a subscriber had', () => {
  it.each(Object.keys(others) as (keyof typeof others)[])('come to the last, though %s', async (which) => {
    const story = await returned();
    await others[which](story.hub);
    await story.hub.settle();
    const told = await readAll(story);
    const [welcome] = told;
    expect(welcome).toMatchObject({ op: 'welcome', more: true });
    const pages = told.filter(({ op }) => op === 'resumed');
    const resumed = [...welcome!.resumed!, ...pages.flatMap(({ devices }) => devices as readonly string[])];
    expect(resumed.toSorted()).toEqual(names.toSorted());
    expect(pages.map(({ more }) => more).indexOf(false)).toBe(pages.length - 1);
  });
});
