/** Hubs on which `ann` follows `dev-1`, all of it said. */
import { ClusterOwner } from './cluster-owner.ts';

/** `dev-1` is connected here, and in no other node's memory. */
export function followedHere() {
  const hub = new ClusterOwner();
  const device = hub.home('dev-1');
  const ann = hub.subscriber('ann');
  hub.ask(ann, 'subscribe', ['dev-1']);
  hub.hush();
  return { hub, device, ann };
}

/** The home of `dev-1` is node b: 5 of `abc`, by the link's name 1. Its row is not the only one. */
export function followedElsewhere(told = {}) {
  const hub = new ClusterOwner();
  hub.home('dev-8');
  hub.home('dev-9');
  hub.ask(hub.subscriber('eve'), 'subscribe', ['dev-9']);
  const ann = hub.subscriber('ann');
  hub.ask(ann, 'subscribe', ['dev-1']);
  hub.joined('dev-1', told);
  hub.hush();
  return { hub, ann };
}
