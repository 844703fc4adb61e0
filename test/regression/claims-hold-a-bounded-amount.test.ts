/**
 * Each device could have 1 MiB kept for it while its claim was not settled, and there was no bound for all of them
 * together: as many devices as connected at once while a node did not answer could take the owner's memory.
 */
import { expect, it } from 'vitest';
import { ringBytesFor } from '../../src/memory/ring.ts';
import { EventField } from '../../src/records/event.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';

const MIB = 1024 * 1024;
const DEVICES = 65;

it('devices whose claims are not settled have 64 MiB kept for all of them, and what is settled makes room', () => {
  const hub = new ClusterOwner({ ringBytes: ringBytesFor(4 * MIB), historyBytes: 0 });
  const devices = Array.from({ length: DEVICES }, (_, n) => hub.connectDevice(`dev-${n}`));
  const payload = 'x'.repeat(MIB / 4 - EventField.body);
  for (const device of devices) for (let n = 0; n < 4; n++) hub.send(device, { payload });
  expect(hub.count('droppedIngestFull')).toBe(4);
  hub.adopt('device', 'dev-0');
  hub.release('device', 'dev-0');
  for (let n = 0; n < 4; n++) hub.send(devices.at(-1)!, { payload });
  expect(hub.count('droppedIngestFull')).toBe(4);
});
