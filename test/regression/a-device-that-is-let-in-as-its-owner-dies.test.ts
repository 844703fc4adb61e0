/**
 * In a cluster, an owner died as it let a device in. The next one took the device for one that was settled here: it numbered
 * its events before other nodes had handed over their numbering, or without ever asking them.
 */
import { expect, it } from 'vitest';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';

it('a device that was let in as its owner died is claimed before its events get numbers', () => {
  let deaths = 0;
  for (let write = 0, died = true; died; write++) {
    const hub = new ClusterOwner();
    const join = hub.dieOverJoin('dev', write);
    died = join.died;
    deaths += 1;
    hub.told();
    hub.anotherOwner(join.session);
    const device = () => hub.reader.device(hub.reader.findDevice('dev'));
    expect(hub.told(), `at write ${write}`).toContain('connected device dev');
    expect(device()?.seq, `at write ${write}`).toBe(0);
    hub.adopt('device', 'dev');
    hub.release('device', 'dev');
    expect(device(), `at write ${write}`).toMatchObject({ state: 'online', seq: 1 });
  }
  expect(deaths).toBeGreaterThan(5);
});
