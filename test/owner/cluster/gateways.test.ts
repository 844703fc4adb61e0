import { describe, expect, it } from 'vitest';
import { fromLink } from '../../../src/records/cluster.ts';
import { ClusterOwner } from './cluster-owner.ts';

function withGateway() {
  const hub = new ClusterOwner();
  const gateway = hub.gateway('gw-1');
  return { hub, gateway };
}

describe('A gateway, in a cluster', () => {
  it('is welcomed at once, and claimed', () => {
    const { hub } = withGateway();
    expect(hub.got()).toEqual(['joined gw-1']);
    expect(hub.told()).toEqual(['connected gateway gw-1']);
    hub.adopt('gateway', 'gw-1');
    hub.release('gateway', 'gw-1');
    expect([hub.got(), hub.told()]).toEqual([[], []]);
  });

  it('is closed with 4004 when another node has a newer connection of its id', () => {
    const { hub, gateway } = withGateway();
    hub.hush();
    hub.surrender('gateway', 'gw-1');
    expect(hub.got()).toEqual(['closed gw-1 4004']);
    expect(hub.told()).toEqual(['surrendered gateway gw-1 0']);
    hub.disconnect(gateway);
    expect(hub.told()).toEqual([]);
  });

  it('is closed with 4200 where a conflict was lost', () => {
    const { hub } = withGateway();
    hub.hush();
    hub.surrender('gateway', 'gw-1', true);
    expect(hub.got()).toEqual(['closed gw-1 4200']);
  });

  it('has no home any more when it goes', () => {
    const { hub, gateway } = withGateway();
    hub.hush();
    hub.disconnect(gateway);
    expect(hub.told()).toEqual(['disconnected gateway gw-1', 'forget gateway gw-1']);
    hub.surrender('gateway', 'gw-1');
    expect([hub.got(), hub.told()]).toEqual([[], ['surrendered gateway gw-1 0']]);
  });

  it('that is not here has no home here, whatever another node hands over', () => {
    const hub = new ClusterOwner();
    hub.adopt('gateway', 'gw-1', [Buffer.from('{}')]);
    expect(hub.told()).toEqual(['forget gateway gw-1']);
  });

  it('is told to a link that starts anew', () => {
    const { hub } = withGateway();
    hub.hush();
    hub.says(fromLink.hello, {});
    expect(hub.told()).toEqual(['resynced', 'connected gateway gw-1']);
  });
});
