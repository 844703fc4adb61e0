/**
 * In a cluster, a device joined while the link's ring held records that the owner had not read in that poll. The owner
 * looked there for devices that came before it, took the link's records for an edge's, and died of a kind that it did not
 * know. Another owner took over, and the node began its place in the cluster anew: a takeover became a conflict.
 */
import { expect, it } from 'vitest';
import { fromLink } from '../../src/records/cluster.ts';
import { followedElsewhere } from '../owner/cluster/followed-device.ts';

it('a device joins while the cluster link has said what is not read yet', () => {
  const { hub } = followedElsewhere();
  hub.pollRecords = 1;
  hub.hasSaid(fromLink.remoteGap, { ref: 1, from: 6, to: 6 });
  hub.hasSaid(fromLink.remoteGap, { ref: 1, from: 7, to: 7 });
  hub.connectDevice('dev-2');
  expect(hub.told()).toContainEqual(expect.stringContaining('dev-2'));
  hub.settle();
  expect(hub.got().filter((line) => line.includes('gap'))).toHaveLength(2);
});
