import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from '../../../src/access/pattern.ts';
import { express } from '../../../src/wire/mqtt/filters.ts';
import type { KeptSubscription } from '../../../src/wire/mqtt/host.ts';
import { MqttSubscriptions, needsAdapting } from '../../../src/wire/mqtt/subscriptions.ts';
import { DEFAULT_TEMPLATES, Kind } from '../../../src/wire/mqtt/templates.ts';
import { layoutOf } from './layouts.ts';

const layout = layoutOf(...DEFAULT_TEMPLATES);
const filters = fc.constantFrom(
  'devices/a/message',
  'devices/a/#',
  '+/a/status',
  'devices/+/message',
  '#',
  'devices/b/+',
);
const steps = fc.array(
  fc.record({
    filter: filters,
    identifier: fc.constantFrom(0, 0, 7, 300),
    noLocal: fc.boolean(),
    isRemoved: fc.boolean(),
  }),
  { maxLength: 20 },
);

describe('the subscriptions of a client', () => {
  it('match a model under random changes', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const subscriptions = new MqttSubscriptions();
        const model = new Map<string, KeptSubscription>();
        for (const { filter, identifier, noLocal, isRemoved } of list) {
          if (isRemoved) {
            expect(subscriptions.delete(filter) !== undefined).toBe(model.delete(filter));
            continue;
          }
          const expressed = express(layout, filter);
          if (!expressed.ok) throw new Error(expressed.message);
          const hasInterest = expressed.interestOf === 'a';
          subscriptions.set({ filter, identifier, noLocal, targets: expressed.targets, hasInterest });
          model.set(filter, { filter, identifier, noLocal });
        }
        checkAgainst(model, subscriptions);
        const restored = new MqttSubscriptions();
        for (const kept of subscriptions.kept()) restored.restore(kept, layout, 'a');
        checkAgainst(model, restored);
      }),
    );
  });

  /** Looks each topic filter up anew. */
  function checkAgainst(
    model: ReadonlyMap<string, KeptSubscription>,
    subscriptions: MqttSubscriptions,
  ): void {
    const all = [...model.values()].flatMap((kept) => {
      const expressed = express(layout, kept.filter);
      return expressed.ok ? expressed.targets.map((target) => ({ kept, ...target })) : [];
    });
    expect(subscriptions.count).toBe(model.size);
    expect(subscriptions.hasTargets).toBe(model.size > 0);
    expect(subscriptions.needsAdapting).toBe([...model.values()].some(needsAdapting));
    expect(subscriptions.hasInterest).toBe(model.has('devices/a/#'));
    for (const name of ['a', 'b', '*', 'c']) {
      const kinds = all.filter((one) => one.name === name).reduce((sum, one) => sum | one.kinds, 0);
      expect(subscriptions.kindsOf(name)).toBe(kinds);
    }
    for (const device of ['a', 'b', 'c']) {
      for (const kind of [Kind.message, Kind.status, Kind.presence]) {
        const found: string[] = [];
        subscriptions.eachMatching(device, kind, ({ filter, identifier }) =>
          found.push(`${filter} ${identifier}`),
        );
        const expected = all.filter(({ name, kinds }) => matches(name, device) && (kinds & kind) !== 0);
        expect(found.sort()).toEqual(expected.map(({ kept }) => `${kept.filter} ${kept.identifier}`).sort());
      }
    }
  }
});
