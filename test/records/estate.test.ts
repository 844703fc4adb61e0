import { expect, it } from 'vitest';
import { applyToEstate, createEstate } from '../../src/records/estate.ts';
import { NO_WILL } from '../../src/records/requests.ts';

it('an estate is what has changed so far', () => {
  const estate = createEstate();
  const kept = { text: 'kept', untilMs: 1 };
  const will = { session: 1, ...NO_WILL };
  applyToEstate(estate, { clients: new Map([['a', kept]]), wills: new Map([['d', will]]) });
  applyToEstate(estate, { clients: new Map([['b', kept]]), wills: new Map() });
  expect(estate).toEqual({
    clients: new Map([
      ['a', kept],
      ['b', kept],
    ]),
    wills: new Map([['d', will]]),
  });
  applyToEstate(estate, {
    clients: new Map([
      ['a', undefined],
      ['b', { text: 'later', untilMs: 2 }],
    ]),
    wills: new Map([['d', undefined]]),
  });
  expect(estate).toEqual({ clients: new Map([['b', { text: 'later', untilMs: 2 }]]), wills: new Map() });
});
