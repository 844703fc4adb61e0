/** The owner read the newer connection's ring first, and the older connection then replaced it. */
import { expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { TwoEdges } from '../owner/two-edges.ts';

it('of two connections of a gateway on different edges the newer one stays', () => {
  const hub = new TwoEdges();
  const older = hub.connect(0, 'gw', 'gateway');
  const newer = hub.connect(1, 'gw', 'gateway');
  hub.poll(); // reads edge 1 first
  expect(hub.told(0)).toEqual([
    { kind: 'joined', session: older },
    { kind: 'closed', session: older, code: closes.replaced.code },
  ]);
  expect(hub.told(1)).toEqual([{ kind: 'joined', session: newer }]);
});

it('a gateway that was cut and is back at once is not replaced by the connection that was cut', () => {
  const hub = new TwoEdges();
  const older = hub.connect(0, 'gw', 'gateway');
  hub.leave(0, older);
  const newer = hub.connect(1, 'gw', 'gateway');
  hub.poll();
  expect(hub.told(1)).toEqual([{ kind: 'joined', session: newer }]);
});
