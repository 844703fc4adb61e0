/**
 * The answer to a filter reserves the rows that its pages make. They did not count for the subscriber's limit: with many
 * filters in a request, or with ids beside them, a subscriber got many times its rows.
 */
import { describe, expect, it } from 'vitest';
import { RowsHarness, type Told } from '../owner/rows-harness.ts';

const ROWS_MAX = 10;
const FEW = 6;

function setUp(subscriptions = 200) {
  const hub = new RowsHarness({ rowsMax: ROWS_MAX, capacity: { subscriptions } });
  for (let n = 0; n < FEW; n++) for (const site of ['a', 'b']) hub.device(`${site}-${n}`);
  const session = hub.connect('s');
  const answers = (): Told[] => hub.told(session).filter((one) => 'answer' in one);
  return { hub, session, answers };
}

describe('rows that are reserved for pages', () => {
  it('count for what further filters of the request may have', () => {
    const { hub, answers } = setUp();
    hub.ask('s', 'subscribe', ['a-*', 'b-*']);
    hub.settle();
    expect(answers()).toMatchObject([{ filters: ['a-* 6'], refused: ['b-* tooMany'] }]);
    expect(hub.states('s')).toHaveLength(FEW);
  });

  it('count for ids that are named beside the filter', () => {
    const { hub, answers } = setUp();
    hub.ask('s', 'subscribe', ['a-*', 'x-1', 'x-2', 'x-3', 'x-4', 'x-5']);
    hub.settle();
    expect(answers()).toMatchObject([{ refused: ['x-5 tooMany'] }]);
    expect(hub.states('s')).toHaveLength(ROWS_MAX);
  });

  it('count once where several filters of the subscriber match a device', () => {
    const { hub, answers } = setUp(2 * FEW);
    hub.ask('s', 'subscribe', ['a*', 'a-*', 'b-0*']);
    hub.settle();
    expect(answers()).toMatchObject([{ filters: ['a* 6', 'a-* 6', 'b-0* 1'], refused: [] }]);
    expect(hub.states('s')).toHaveLength(FEW + 1);
  });

  it('count no more once the pages are over', () => {
    const { hub, session, answers } = setUp();
    hub.ask('s', 'subscribe', ['a-*']);
    hub.filters.sessionOver(session);
    hub.filters.removeAll(hub.subscriber('s'));
    hub.ask('s', 'subscribe', ['b-*']);
    hub.settle();
    expect(answers()).toMatchObject([{ filters: ['b-* 6'], refused: [] }]);
    expect(hub.registry.reservedRows).toBe(0);
  });
});
