import { describe, expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createRing, RingConsumer, RingProducer } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { Gateways } from '../../src/owner/gateways.ts';
import { FromOwnerRecord, readClosed, readJoined } from '../../src/records/replies.ts';
import { SessionKind } from '../../src/records/requests.ts';

/** Two edges; sessions 64, 128, … are of edge 0, one more each of edge 1. */
function owner() {
  const rings = [createRing(1024 * 1024), createRing(1024 * 1024)];
  const links = rings.map((ring) => new EdgeLink(new RingProducer(ring), new Ringer(createDoorbell())));
  const consumers = rings.map((ring) => new RingConsumer(ring));
  const told = (): string[] => {
    for (const link of links) link.flush();
    return consumers.flatMap((consumer, edge) => {
      const records: string[] = [];
      for (let offset = consumer.next(); offset >= 0; offset = consumer.next()) {
        const { views, kind } = consumer;
        if (kind === FromOwnerRecord.Joined)
          records.push(`${edge}: ${readJoined(views, offset).session} joined`);
        else {
          const { session, code } = readClosed(views, offset);
          records.push(`${edge}: ${session} closed ${code}`);
        }
      }
      return records;
    });
  };
  return { gateways: new Gateways(links), told };
}

const join = (session: number, id: string, { again = false, ticket = 0 } = {}) => ({
  session,
  kind: SessionKind.gateway,
  actor: { role: 'gateway', id, devices: undefined, vip: false } as const,
  again,
  hold: false,
  interest: false,
  gateway: '',
  connectedAt: 1,
  ticket,
});

describe('gateways of one id', () => {
  it('replace each other, on whatever edge', () => {
    const { gateways, told } = owner();
    gateways.join(join(64, 'gw'));
    gateways.join(join(64 + 1, 'other'));
    gateways.join(join(128 + 1, 'gw'));
    expect(told()).toEqual(['0: 64 joined', '0: 64 closed 4004', '1: 65 joined', '1: 129 joined']);
    gateways.leave(64); // the older one's connection is over now
    gateways.join(join(192, 'gw'));
    expect(told()).toEqual(['0: 192 joined', '1: 129 closed 4004']);
  });

  it('come and go', () => {
    const { gateways, told } = owner();
    gateways.join(join(64, 'gw'));
    gateways.leave(64);
    gateways.join(join(65, 'gw'));
    gateways.leaveAll(1);
    gateways.join(join(128, 'gw'));
    expect(told()).toEqual(['0: 64 joined', '0: 128 joined', '1: 65 joined']);
  });

  it('stay on the other edges when an edge goes', () => {
    const { gateways, told } = owner();
    gateways.join(join(64, 'gw'));
    gateways.join(join(65, 'other'));
    gateways.leaveAll(1);
    gateways.join(join(128, 'gw'));
    gateways.join(join(192, 'other'));
    expect(told()).toEqual([
      '0: 64 joined',
      '0: 64 closed 4004',
      '0: 128 joined',
      '0: 192 joined',
      '1: 65 joined',
    ]);
  });

  it('go when a newer connection of the id is on another node', () => {
    const { gateways, told } = owner();
    gateways.join(join(64, 'gw'));
    gateways.join(join(65, 'other'));
    told();
    gateways.surrender('gw', closes.replaced);
    gateways.surrender('gw', closes.replaced);
    gateways.surrender('nobody', closes.replaced);
    expect(told()).toEqual(['0: 64 closed 4004']);
    expect([gateways.isConnected('gw'), [...gateways.connectedIds]]).toEqual([false, ['other']]);
    gateways.leave(64);
    gateways.join(join(128, 'gw'));
    expect(told()).toEqual(['0: 128 joined']);
    gateways.surrender('gw', closes.drain);
    expect(told()).toEqual(['0: 128 closed 4200']);
  });

  it('are told to other nodes when they come, and when none of their id is left', () => {
    const { gateways } = owner();
    const said: string[] = [];
    gateways.homes = {
      connected: (id) => said.push(`${id} came`),
      disconnected: (id) => said.push(`${id} went`),
    };
    gateways.join(join(64, 'gw'));
    gateways.join(join(65, 'gw'));
    gateways.leave(64);
    expect(said).toEqual(['gw came', 'gw came']);
    gateways.leave(65);
    expect(said.slice(2)).toEqual(['gw went']);
    gateways.rejoin(join(128, 'gw', { again: true }));
    gateways.surrender('gw', closes.replaced);
    gateways.leave(128);
    expect(said.slice(3)).toEqual(['gw came']);
  });

  it('are told again to a new owner, which closes the older of two', () => {
    const { gateways, told } = owner();
    gateways.rejoin(join(64, 'gw', { again: true, ticket: 2 }));
    expect(told()).toEqual([]);
    gateways.rejoin(join(65, 'gw', { again: true, ticket: 1 }));
    expect(told()).toEqual(['1: 65 closed 4004']);
    gateways.rejoin(join(129, 'gw', { again: true, ticket: 3 }));
    expect(told()).toEqual(['0: 64 closed 4004']);
    gateways.rejoin(join(192, 'gw', { again: true, ticket: 3 }));
    expect(told(), 'of the same age: told first').toEqual(['1: 129 closed 4004']);
    gateways.rejoin(join(193, 'gw', { ticket: 4 }));
    expect(told()).toEqual(['0: 192 closed 4004', '1: 193 joined']);
  });
});
