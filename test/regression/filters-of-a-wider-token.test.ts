/** A filter is kept, and its subscriber comes back with a token that covers more: what that covers comes. */
import { describe, expect, it } from 'vitest';
import { PatternSet } from '../../src/access/pattern-set.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { HubSocket } from '../edge/hub-socket.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

class Story {
  readonly hub = new OneThreadHub({ historyBytes: 0 });
  #socket: HubSocket<unknown> | undefined;

  constructor(...devices: readonly string[]) {
    this.hub.useTokens();
    for (const id of devices) this.hub.tokens.set(id, { sub: id, role: 'device' });
  }

  static async of(...devices: readonly string[]): Promise<Story> {
    const story = new Story(...devices);
    await story.heard(...devices);
    return story;
  }

  /** The subscriber is lost, and comes back with a token that covers these; none: all. @returns what it is told */
  async connect(covers: readonly string[], query = ''): Promise<object[]> {
    this.#socket?.end();
    await this.hub.settle();
    const devices = covers.length === 0 ? undefined : new PatternSet(covers);
    this.hub.tokens.set('t', { sub: 's', role: 'subscriber', devices });
    const socket = await this.hub.connect('subscriber', `id=s&token=t${query}`);
    if (!(socket instanceof HubSocket)) throw new Error(socket.message);
    this.#socket = socket;
    await this.hub.settle();
    return socket.frames();
  }

  async say(frame: object): Promise<object[]> {
    this.#socket!.say(frame);
    await this.hub.settle();
    return this.#socket!.frames();
  }

  /** Each of them connects and sends once. @returns who of them is heard */
  async heard(...ids: readonly string[]): Promise<string> {
    for (const id of ids) {
      const socket = await this.hub.connect('device', `id=${id}&token=${id}`);
      if (!(socket instanceof HubSocket)) throw new Error(socket.message);
      await this.hub.settle();
      socket.receive(JSON.stringify({ type: 'message', data: 1 }));
      await this.hub.settle();
    }
    const frames = this.#socket?.frames() ?? [];
    const events = frames.filter(({ op, type }) => op === 'event' && type === 'message');
    return events.map(({ device }) => device).join(' ');
  }

  operate(status: 'deny' | 'removed', device: string): void {
    if (status === 'removed') this.hub.operate({ kind: ToOwner.RemoveRow, device, subscriber: 's' });
    else this.hub.operate({ kind: ToOwner.SetRow, device, subscriber: 's', status, vip: undefined });
  }
}

const ids = ['a-1', 'b-1', 'b-2'];
const everything: readonly string[] = [];
const follow = { op: 'subscribe', devices: ['*'] };
/** Of what a frame names, the ids. */
const named = (frames: readonly object[], filter: string): string[] =>
  frames
    .filter((frame) => (frame as { filter?: string }).filter === filter)
    .flatMap((frame) => (frame as { devices: { device: string }[] }).devices.map(({ device }) => device))
    .sort();

describe('a kept filter, with a wider token', () => {
  it('follows what the token allows that the one before did not, and names it in its pages', async () => {
    const story = await Story.of(...ids);
    await story.connect(['a-*']);
    await story.say(follow);
    expect(await story.heard(...ids)).toBe('a-1');
    expect(named(await story.connect(everything), '*')).toEqual(ids);
    expect(await story.heard(...ids)).toBe('a-1 b-1 b-2');
  });

  it('follows again what a narrower token between took away', async () => {
    const story = await Story.of(...ids);
    await story.connect(everything);
    await story.say(follow);
    await story.connect(['a-*']);
    expect(await story.heard(...ids)).toBe('a-1');
    expect(named(await story.connect(['a-*', 'b-2']), '*')).toEqual(['a-1', 'b-2']);
    expect(await story.heard(...ids)).toBe('a-1 b-2');
  });

  it('that was held for a connection with that token, too', async () => {
    const story = await Story.of(...ids);
    await story.connect(['a-*']);
    await story.say(follow);
    await story.connect(everything, '&hold=true');
    await story.connect(everything);
    expect(await story.heard(...ids)).toBe('a-1 b-1 b-2');
  });

  it('leaves alone what an operator denied, or removed of what it followed', async () => {
    const story = await Story.of(...ids, 'a-2');
    await story.connect(['a-*']);
    await story.say(follow);
    story.operate('removed', 'a-1');
    story.operate('deny', 'b-1');
    expect(named(await story.connect(everything), '*')).toEqual(['a-2', 'b-2']);
    expect(await story.heard(...ids, 'a-2')).toBe('b-2 a-2');
  });

  it('leaves alone what an operator removed, where the token is the same in other words', async () => {
    const story = await Story.of(...ids);
    await story.connect(['b-*', 'a-*']);
    await story.say(follow);
    story.operate('removed', 'a-1');
    await story.connect(['a-*', 'b-*', 'b-1']);
    expect(await story.heard(...ids)).toBe('b-1 b-2');
  });

  it('names nothing while it is paused, and all when it is resumed', async () => {
    const story = await Story.of(...ids);
    await story.connect(['a-*']);
    await story.say(follow);
    await story.say({ op: 'pause', devices: ['*'] });
    expect(named(await story.connect(everything), '*')).toEqual([]);
    expect(await story.heard(...ids)).toBe('');
    expect(named(await story.say({ op: 'resume', devices: ['*'] }), '*')).toEqual(ids);
    expect(await story.heard(...ids)).toBe('a-1 b-1 b-2');
  });

  it('after another owner took over, too', async () => {
    const story = await Story.of(...ids);
    await story.connect(['a-*']);
    await story.say(follow);
    story.hub.replaceOwner();
    await story.hub.settle();
    await story.connect(everything);
    expect(await story.heard(...ids)).toBe('a-1 b-1 b-2');
  });
});
