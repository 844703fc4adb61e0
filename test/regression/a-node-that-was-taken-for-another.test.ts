/**
 * A node whose id another process used for a moment was ignored by all others until it started again: they took one beat
 * of the other process, or one that was forged or late, for that of the node's next start.
 */
import { describe, expect, it } from 'vitest';
import { encodeBeat, Phase } from '../../src/cluster/beats.ts';
import { HomeKind } from '../../src/cluster/records.ts';
import { Simulation, TIMEOUT_MS } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

function pair() {
  const simulation = new Simulation(new Random(1), 100);
  const a = simulation.start('a');
  const b = simulation.start('b');
  simulation.run(3000);
  /** Whether what a device does at b is known at a. */
  const areOne = (id: string): boolean => {
    a.host.follow(id);
    simulation.nodes.get('b')!.host.connectDevice({ id, alive: true, closed: undefined });
    simulation.run(2000);
    return a.host.got(id).some(({ is }) => is === 'entry');
  };
  return { simulation, a, b, areOne };
}

/** As anybody may say it who may publish. */
function beatOf(node: string, boot: number, number: number, bye = false): Uint8Array {
  const figures = {
    devices: 0,
    subscribers: 0,
    eventsPerSecond: 0,
    eventsSent: 0,
    eventsReceived: 0,
    gaps: 0,
  };
  const said = { version: '', startedAt: 0, revision: 0, bucket: '', draining: false, phase: Phase.in };
  return encodeBeat({ ...said, ...figures, node, boot, number, bye });
}

describe('A node is known to the others again', () => {
  it('after the beat of a boot that is not its own', () => {
    const { simulation, a, areOne } = pair();
    a.node.heard(beatOf('b', 99, 1));
    simulation.run(3 * TIMEOUT_MS);
    expect(areOne('dev-1')).toBe(true);
    expect(simulation.homesOf(HomeKind.device, 'dev-1')).toEqual(['b']);
  });

  it('after a goodbye that it did not say', () => {
    const { simulation, a, b, areOne } = pair();
    a.node.heard(beatOf('b', b.boot, 2 ** 40, true));
    simulation.run(3 * TIMEOUT_MS);
    expect(areOne('dev-1')).toBe(true);
  });

  it('while another node beats with its boot', () => {
    const { simulation, a, b, areOne } = pair();
    a.node.heard(beatOf('x', b.boot, 1));
    simulation.run(100);
    expect(areOne('dev-1')).toBe(true);
    simulation.run(3 * TIMEOUT_MS);
    expect(areOne('dev-2')).toBe(true);
  });
});

it('A node that took the place of one that stood still keeps it when that one wakes', () => {
  const { simulation, b, areOne } = pair();
  simulation.freeze(b);
  simulation.run(2 * TIMEOUT_MS);
  simulation.start('b');
  simulation.run(2 * TIMEOUT_MS);
  simulation.thaw(b);
  simulation.run(2 * TIMEOUT_MS);
  expect(b.host.phases.at(-1)).toBe('fenced');
  expect(areOne('dev-1')).toBe(true);
});
