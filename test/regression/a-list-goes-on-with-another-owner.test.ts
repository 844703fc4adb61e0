/** An owner dies in the middle of a long answer. The next one answers from the start, and the client got entries twice. */
import { describe, expect, it } from 'vitest';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const names = Array.from({ length: 20 }, (_, n) => `dev-${n}`);
/** A page ends after some of the devices. */
const QUEUE_BYTES = 1000;

interface Page {
  readonly id?: number;
  readonly devices: readonly (string | { readonly device: string })[];
  readonly filters?: readonly unknown[];
  readonly more?: true;
}

async function follower() {
  const hub = new OneThreadHub({ owner: { sendQueueMaxBytes: QUEUE_BYTES } });
  const socket = await hub.peer('subscriber', 's');
  socket.say({ op: 'subscribe', devices: [...names, 'x-*'] });
  await hub.settle();
  socket.sent.length = 0;
  const pages = (): Page[] =>
    socket.sent
      .splice(0)
      .map((frame): Page => JSON.parse(`${frame}`))
      .filter(({ id }) => id === 7); // else it is of the filter, which goes on
  /** Asks, reads a page at a time, and the owner dies after so many. @returns all pages */
  const ask = async (op: string, dieAfter: readonly number[]): Promise<Page[]> => {
    socket.queued = QUEUE_BYTES * QUEUE_BYTES; // it does not read
    socket.say({ op, id: 7 });
    await hub.settle();
    const all = pages();
    const deaths = [...dieAfter];
    for (let turn = 0; all.at(-1)?.more; turn++) {
      if (turn > 100) throw new Error('it goes on and on');
      if (deaths[0] === all.length) {
        deaths.shift();
        hub.replaceOwner();
      }
      await hub.settle();
      socket.queued = 0;
      hub.edge.writable(socket.session as never);
      socket.queued = QUEUE_BYTES * QUEUE_BYTES;
      await hub.settle();
      all.push(...pages());
    }
    return all;
  };
  return ask;
}

const devicesOf = (pages: readonly Page[]): string[] =>
  pages
    .flatMap(({ devices }) => devices)
    .map((one) => (typeof one === 'string' ? one : one.device))
    .sort();

describe('a long answer whose owner dies', () => {
  it.each([
    ['list', [1]],
    ['list', [2, 3]],
    ['pause', [2]],
    ['resume', [2]],
  ] as const)('names each device and each filter once: %s, after pages %j', async (op, dieAfter) => {
    const ask = await follower();
    if (op === 'resume') await ask('pause', []);
    const undisturbed = await ask(op, []);
    expect(undisturbed.length).toBeGreaterThan(3);
    if (op === 'resume') await ask('pause', []);
    if (op === 'pause') await ask('resume', []);
    const pages = await ask(op, dieAfter);
    expect(devicesOf(pages)).toEqual([...names].sort());
    expect(pages.flatMap(({ filters = [] }) => filters)).toHaveLength(1);
    for (const { devices, filters = [], more } of pages) {
      if (more) expect(devices.length + filters.length).toBeGreaterThan(0);
    }
    expect(pages.filter(({ more }) => more === undefined)).toEqual([pages.at(-1)]);
  });
});
