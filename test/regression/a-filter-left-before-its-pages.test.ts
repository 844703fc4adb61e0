import { expect, it } from 'vitest';
import { OwnerHarness } from '../owner/owner-harness.ts';

it('a filter whose subscriber went before its pages has all of its devices in the pages of one answer when it is back', () => {
  const hub = new OwnerHarness();
  for (const device of ['dev-1', 'dev-2']) hub.connectDevice(device);
  hub.poll();
  const session = hub.connect('s');
  hub.follow(session, ['dev-*']);
  hub.disconnect(session);
  hub.received();
  hub.connect('s');
  for (let n = 0; n < 10; n++) hub.poll();
  const pages = hub
    .received()
    .flatMap((one) => (one.kind === 'text' && one.frame.filter !== undefined ? [one.frame] : []));
  expect(pages).toMatchObject([{ filter: 'dev-*', more: false }]);
  expect(pages[0]?.devices).toHaveLength(2);
});
