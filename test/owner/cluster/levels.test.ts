import { expect, it } from 'vitest';
import { ClusterOwner } from './cluster-owner.ts';

it('x', () => {
  const hub = new ClusterOwner();
  const s = hub.subscriber('ann');
  console.log(hub.told(), hub.got());
  hub.ask(s, 'subscribe', ['dev-1']);
  console.log(hub.told(), hub.got());
  hub.remote('dev-1');
  console.log(hub.told(), hub.got());
  hub.joined('dev-1');
  console.log(hub.told(), hub.got());
  hub.remoteEvent(1, 6);
  console.log(hub.told(), hub.got());
  hub.connectDevice('dev-1');
  console.log(hub.told(), hub.got());
  hub.adopt('device', 'dev-1', []);
  console.log(hub.told(), hub.got());
  hub.release('device', 'dev-1');
  console.log(hub.told(), hub.got());
  hub.ask(s, 'subscribe', ['q*']);
  hub.settle();
  console.log(hub.told(), hub.got());
  expect(1).toBe(1);
});
