import { describe, expect, it } from 'vitest';
import type { OperatorChange } from '../../../src/cluster/host.ts';
import { fromLink } from '../../../src/records/cluster.ts';
import { ClusterOwner } from './cluster-owner.ts';
import type { ClusterOptions } from './options.ts';

const pair = (device: string, subscriber: string, access?: 'allow' | 'deny'): OperatorChange => ({
  kind: 'pair',
  device,
  subscriber,
  access,
});
const vip = (subscriber: string, is = true): OperatorChange => ({ kind: 'vip', subscriber, vip: is });
const rules = (...denied: string[]): OperatorChange => ({
  kind: 'rules',
  rules: denied.map((device) => ({ device, subscriber: '*', access: 'deny' })),
});

function apply(hub: ClusterOwner, revision: number, changes: readonly OperatorChange[], whole = false): void {
  const bytes = Buffer.from(JSON.stringify(changes));
  hub.says(fromLink.apply, { revision, whole, last: true, changes: bytes });
}

const applied = (hub: ClusterOwner) => hub.told().filter((line) => line.startsWith('applied'));

/** `ann` follows `dev-1`, whose home is here. */
function following(options: ClusterOptions = {}) {
  const hub = new ClusterOwner(options);
  const device = hub.home('dev-1');
  const ann = hub.subscriber('ann');
  hub.ask(ann, 'subscribe', ['dev-1']);
  hub.hush();
  return { hub, device, ann };
}

/** `ann` follows so many devices, whom nobody else knows. */
function large(rows: number, options: ClusterOptions = {}): ClusterOwner {
  const hub = new ClusterOwner({
    capacity: { devices: 3000, subscribers: 4, subscriptions: 3000 },
    maxSubscriptionsPerSubscriber: 3000,
    ringBytes: 4 * 1024 * 1024,
    ...options,
  });
  hub.subscriber('ann');
  for (let n = 0; n < rows; n++) hub.setRow(`dev-${n}`, 'ann', 'active');
  hub.hush();
  return hub;
}

describe('A pair that operators deny', () => {
  it('is denied from then on, and only then the revision counts as obeyed', () => {
    const { hub, device } = following();
    apply(hub, 17, [pair('dev-1', 'ann', 'deny')]);
    expect(hub.row('dev-1', 'ann')).toBe('deny');
    expect(hub.told()).toEqual(['applied 17']);
    expect(hub.got()[0]).toMatch(/^deniedByOperator ann/);
    hub.hush();
    hub.send(device);
    expect(hub.got()).toEqual([]);
  });

  it('is denied though neither is here yet', () => {
    const hub = new ClusterOwner();
    apply(hub, 1, [pair('dev-1', 'ann', 'deny')]);
    const ann = hub.subscriber('ann');
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-1']);
    hub.says(fromLink.settled, { id: 'dev-1', found: false });
    expect(hub.got()).toEqual(['answer ann 1 : !dev-1']);
  });

  it('is denied no more when that is taken back, and leaves no row', () => {
    const { hub, ann } = following();
    apply(hub, 1, [pair('dev-1', 'ann', 'deny')]);
    apply(hub, 2, [pair('dev-1', 'ann')]);
    expect(hub.row('dev-1', 'ann')).toBeUndefined();
    expect(hub.reader.findSubscriber('ann')).toBeGreaterThanOrEqual(0);
    hub.ask(ann, 'subscribe', ['dev-1']);
    expect(hub.row('dev-1', 'ann')).toBe('active');
  });

  it('leaves no subscriber behind that is not here', () => {
    const hub = new ClusterOwner();
    apply(hub, 1, [pair('dev-1', 'ann', 'deny')]);
    expect(hub.reader.findSubscriber('ann')).toBeGreaterThanOrEqual(0);
    apply(hub, 2, [pair('dev-1', 'ann')]);
    expect(hub.reader.findSubscriber('ann')).toBe(-1);
  });
});

describe('A pair that operators deny, where the table has no room for its row', () => {
  /** `bob` has all the rows there are; the pair is denied, and then there is room. */
  function full() {
    const hub = new ClusterOwner({ capacity: { devices: 10, subscribers: 10, subscriptions: 2 } });
    const device = hub.home('dev-1');
    hub.home('dev-2');
    const [ann, bob] = [hub.subscriber('ann'), hub.subscriber('bob')];
    hub.ask(bob, 'subscribe', ['dev-1', 'dev-2']);
    apply(hub, 1, [pair('dev-1', 'ann', 'deny')]);
    hub.ask(bob, 'unsubscribe', ['dev-1', 'dev-2']);
    hub.hush();
    return { hub, ann, device };
  }

  it('is denied all the same: by its id, and to a filter', () => {
    const { hub, ann } = full();
    hub.ask(ann, 'subscribe', ['dev-1']);
    expect(hub.got()).toEqual(['answer ann 3 : !dev-1']);
    hub.ask(ann, 'subscribe', ['dev-*']);
    hub.pass(1000);
    hub.settle();
    expect([hub.row('dev-1', 'ann'), hub.row('dev-2', 'ann')]).toEqual([undefined, 'active']);
  });

  it.each([
    ['taken back', false, [pair('dev-1', 'ann')]],
    ['not among all that is set', true, []],
  ])('is followed by a filter from when that is %s', (_, whole, changes) => {
    const { hub, ann, device } = full();
    hub.ask(ann, 'subscribe', ['dev-*']);
    hub.pass(1000);
    hub.settle();
    apply(hub, 2, changes, whole);
    hub.settle();
    hub.hush();
    hub.send(device);
    expect(hub.got()).not.toEqual([]);
  });
});

describe('A pair that operators allow', () => {
  it('may be followed though the rules deny it, until that is taken back', () => {
    const hub = new ClusterOwner({ defaultAccess: 'deny' });
    hub.home('dev-1');
    const ann = hub.subscriber('ann');
    apply(hub, 1, [pair('dev-1', 'ann', 'allow')]);
    hub.ask(ann, 'subscribe', ['dev-1']);
    expect(hub.row('dev-1', 'ann')).toBe('active');
    hub.hush();
    apply(hub, 2, [pair('dev-1', 'ann')]);
    expect(hub.row('dev-1', 'ann')).toBeUndefined();
    expect(hub.got()[0]).toMatch(/^removedByOperator ann/);
  });

  it('stays subscribed when that is taken back and nothing denies it', () => {
    const { hub } = following();
    apply(hub, 1, [pair('dev-1', 'ann', 'allow')]);
    apply(hub, 2, [pair('dev-1', 'ann')]);
    expect(hub.row('dev-1', 'ann')).toBe('active');
    expect(hub.reader.accessOf(0)).toBeUndefined();
    expect(hub.got()).toEqual([]);
  });

  it('that nobody has subscribed to leaves no row when that is taken back', () => {
    const { hub } = following();
    apply(hub, 1, [pair('dev-2', 'ann', 'allow')]);
    expect(hub.row('dev-2', 'ann')).toBe('allow');
    apply(hub, 2, [pair('dev-2', 'ann')]);
    expect(hub.row('dev-2', 'ann')).toBeUndefined();
  });
});

it.each([
  ['a device that is not here', pair('dev-9', 'ann')],
  ['a subscriber that is not here', pair('dev-1', 'bob')],
])('Taking back what was set for %s changes nothing', (_, change) => {
  const { hub } = following();
  apply(hub, 4, [change]);
  expect(hub.row('dev-1', 'ann')).toBe('active');
  expect(hub.told()).toEqual(['applied 4']);
});

it('Taking back what was never set for a pair leaves its subscription', () => {
  const { hub } = following();
  apply(hub, 4, [pair('dev-1', 'ann')]);
  expect(hub.row('dev-1', 'ann')).toBe('active');
});

describe('A vip', () => {
  it('is one at once when it is connected, and no more when that is taken back', () => {
    const { hub } = following();
    apply(hub, 1, [vip('ann')]);
    expect(hub.got()).toEqual(['vip ann true']);
    apply(hub, 2, [vip('ann', false)]);
    expect(hub.got()).toEqual(['vip ann false']);
  });

  it('is one when it connects', () => {
    const { hub } = following();
    apply(hub, 1, [vip('bob'), vip('cid')]);
    apply(hub, 2, [vip('cid', false)]);
    const isVip = (id: string) => {
      hub.subscriber(id);
      return hub.reader.subscriber(hub.reader.findSubscriber(id))!.vip;
    };
    expect([isVip('bob'), isVip('cid')]).toEqual([true, false]);
  });
});

describe('Rules', () => {
  it('end the subscriptions that they deny, and then count as obeyed', () => {
    const { hub } = following();
    apply(hub, 5, [rules('dev-1')]);
    expect(hub.row('dev-1', 'ann')).toBeUndefined();
    expect(hub.got()[0]).toMatch(/^deniedByRule ann/);
    expect(applied(hub)).toEqual(['applied 5']);
  });

  it('let filters follow what is denied no more', () => {
    const hub = new ClusterOwner({ rules: [{ device: 'dev-1', subscriber: '*', access: 'deny' }] });
    hub.home('dev-1');
    const ann = hub.subscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-*']);
    hub.says(fromLink.listed, { prefix: 'dev-', ids: '', done: true });
    hub.settle();
    expect(hub.row('dev-1', 'ann')).toBeUndefined();
    apply(hub, 6, [rules()]);
    hub.settle();
    expect(hub.row('dev-1', 'ann')).toBe('active');
  });

  it('are obeyed part by part in a large table, and count as obeyed after the last', () => {
    const hub = large(2500);
    apply(hub, 7, [rules('dev-*')]);
    // The poll that took the list has done the next part, too.
    expect(hub.row('dev-1500', 'ann')).toBeUndefined();
    expect(hub.row('dev-2400', 'ann')).toBe('active');
    expect(applied(hub)).toEqual([]);
    expect(hub.owner.untilNextTimerMs()).toBe(0);
    hub.poll();
    expect(hub.row('dev-2400', 'ann')).toBeUndefined();
    expect(applied(hub)).toEqual(['applied 7']);
    expect(hub.owner.untilNextTimerMs()).toBeGreaterThan(0);
    hub.poll();
    expect(applied(hub)).toEqual([]);
  });
});

it('Rules that are obeyed part by part let filters follow what is denied no more', () => {
  const hub = large(2500, { rules: [{ device: 'home-1', subscriber: '*', access: 'deny' }] });
  hub.home('home-1');
  hub.ask(hub.subscriber('bob'), 'subscribe', ['home-*']);
  hub.says(fromLink.listed, { prefix: 'home-', ids: '', done: true });
  hub.settle();
  expect(hub.row('home-1', 'bob')).toBeUndefined();
  hub.hush();
  apply(hub, 8, [rules()]);
  expect(applied(hub)).toEqual([]);
  hub.settle();
  expect(hub.row('home-1', 'bob')).toBe('active');
});

describe('A list of changes', () => {
  it('is obeyed once its last part is there', () => {
    const { hub } = following();
    const changes = Buffer.from(JSON.stringify([pair('dev-1', 'ann', 'deny'), vip('ann')]));
    const part = (from: number, to: number, last: boolean) =>
      hub.says(fromLink.apply, { revision: 9, whole: false, last, changes: changes.subarray(from, to) });
    part(0, 20, false);
    part(20, 30, false);
    expect(hub.row('dev-1', 'ann')).toBe('active');
    expect(hub.told()).toEqual([]);
    part(30, changes.length, true);
    expect(hub.row('dev-1', 'ann')).toBe('deny');
    expect(applied(hub)).toEqual(['applied 9']);
    apply(hub, 10, []);
    expect(applied(hub)).toEqual(['applied 10']);
  });

  it('that says what changed leaves what it does not name', () => {
    const { hub } = following({ rules: [{ device: 'x', subscriber: '*', access: 'deny' }] });
    apply(hub, 1, [pair('dev-2', 'ann', 'deny'), vip('ann')]);
    hub.got();
    apply(hub, 2, []);
    expect(hub.row('dev-2', 'ann')).toBe('deny');
    expect(hub.got()).toEqual([]);
  });

  it('that says what changed leaves the rules as they are when it names none', () => {
    const { hub, ann } = following();
    apply(hub, 1, [rules('dev-9')]);
    apply(hub, 2, [vip('ann')]);
    hub.hush();
    hub.ask(ann, 'subscribe', ['dev-9']);
    hub.says(fromLink.settled, { id: 'dev-9', found: false });
    expect(hub.got()).toEqual(['answer ann 2 : !dev-9']);
  });

  it('that is all that is set takes back what it does not name', () => {
    const { hub } = following();
    apply(hub, 1, [
      pair('dev-2', 'ann', 'deny'),
      pair('dev-3', 'ann', 'deny'),
      pair('dev-4', 'ann', 'allow'),
      pair('dev-1', 'ann', 'allow'),
      vip('ann'),
      vip('bob'),
      rules('dev-9'),
    ]);
    hub.hush();
    apply(hub, 2, [pair('dev-3', 'ann', 'deny')], true);
    expect(applied(hub)).toEqual(['applied 2']);
    expect(['dev-1', 'dev-2', 'dev-3', 'dev-4'].map((id) => hub.row(id, 'ann'))).toEqual([
      'active',
      undefined,
      'deny',
      undefined,
    ]);
    expect(hub.reader.subscriber(hub.reader.findSubscriber('ann'))!.vip).toBe(false);
    hub.subscriber('bob');
    expect(hub.reader.subscriber(hub.reader.findSubscriber('bob'))!.vip).toBe(false);
    const ann = hub.connectSubscriber('ann');
    hub.ask(ann, 'subscribe', ['dev-9']);
    hub.says(fromLink.settled, { id: 'dev-9', found: false });
    expect(hub.row('dev-9', 'ann')).toBe('active');
  });

  it('that is all that is set brings the rules that hold from then on', () => {
    const { hub } = following();
    apply(hub, 2, [rules('dev-1')], true);
    expect(hub.row('dev-1', 'ann')).toBeUndefined();
    expect(hub.got()[0]).toMatch(/^deniedByRule ann/);
  });

  it('that is all that is set leaves it to the rules to end what they deny', () => {
    const hub = large(2500);
    apply(hub, 7, [rules('dev-*')]);
    expect(hub.row('dev-2400', 'ann')).toBe('active');
    hub.hush();
    apply(hub, 8, [rules('dev-*')], true);
    hub.settle();
    const notices = new Set(hub.got().map((line) => line.split(' ')[0]));
    expect([hub.row('dev-2400', 'ann'), [...notices].sort()]).toEqual([
      undefined,
      ['deniedByRule', 'detach'],
    ]);
  });

  it('that is all that is set leaves alone what nobody set', () => {
    const { hub } = following();
    hub.home('dev-5');
    hub.ask(hub.subscriber('bob'), 'subscribe', ['dev-5']);
    hub.hush();
    apply(hub, 2, [rules('dev-9')], true);
    expect(hub.row('dev-1', 'ann')).toBe('active');
    expect(hub.row('dev-5', 'bob')).toBe('active');
    expect(hub.got()).toEqual([]);
  });

  it('that is all that is set keeps the pairs that it names as they are', () => {
    const { hub } = following();
    const set = [pair('dev-1', 'ann', 'allow'), pair('dev-2', 'ann', 'allow'), pair('dev-1', 'bob', 'deny')];
    apply(hub, 1, set);
    const bob = hub.reader.findSubscriber('bob');
    const { generation } = hub.reader.subscriptions.rows;
    const before = [...generation];
    hub.hush();
    apply(hub, 2, [...set, vip('ann')], true);
    expect(hub.reader.accessOf(0)).toBe('allow');
    expect(hub.row('dev-2', 'ann')).toBe('allow');
    expect(hub.row('dev-1', 'bob')).toBe('deny');
    expect(hub.got()).toEqual(['vip ann true']);
    // Not one of them was taken back for a moment.
    expect([...generation]).toEqual(before);
    expect(hub.reader.findSubscriber('bob')).toBe(bob);
  });
});
