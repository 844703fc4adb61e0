/** The past of a device with another home, as the link tells it to the owner. No assertions. */
import { fromLink } from '../../../src/records/cluster.ts';
import { EventField } from '../../../src/records/event.ts';
import { ClusterOwner, type Sent } from './cluster-owner.ts';
import type { ClusterOptions } from './options.ts';

/** `ann` has asked for `dev-1` with its past; its home stands at 5 of `abc` and was asked for what it keeps: request 1. */
export function asked(options: ClusterOptions = {}, seq = 5) {
  const hub = new ClusterOwner(options);
  const ann = hub.subscriber('ann');
  const request = hub.ask(ann, 'subscribe', ['dev-1'], true);
  hub.joined('dev-1', { seq });
  return { hub, ann, request };
}

/** @param after from which seq on nothing is missing before it; by default only the seq before it may be */
export const past = (hub: ClusterOwner, request: number, seq: number, sent: Sent = {}, after = seq - 1) => {
  const event = hub.eventPart(seq, sent);
  new DataView(event.buffer).setFloat64(EventField.received, after, true);
  hub.says(fromLink.past, { request, event });
};
export const pastEnd = (hub: ClusterOwner, request: number, found = true, more = false) =>
  hub.says(fromLink.pastEnd, { request, found, more, epoch: 'abc' });
export const asksOf = (hub: ClusterOwner) => hub.told().filter((line) => line.startsWith('askPast'));
export const answers = (hub: ClusterOwner) => hub.got().filter((line) => line.startsWith('answer'));
