/** Runs a session: every load, every peer that can play it, one after the other in rounds (A B A B). */
import type { Peer } from '../peers/peer.ts';
import { measure, type Run } from './measure.ts';
import { machineLine, type Session, summarise } from './results.ts';
import type { Shape } from './shapes.ts';

export interface Plan {
  readonly shapes: readonly Shape[];
  readonly peers: readonly Peer[];
  /** How often a peer plays each load. */
  rounds(peer: Peer): number;
  readonly command: string;
  progress(line: string): void;
}

export async function runSession({ shapes, peers, rounds, command, progress }: Plan): Promise<Session> {
  const missing: { shape: string; peer: string; why: string }[] = [];
  const results = [];
  for (const shape of shapes) {
    const runs = new Map<Peer, Run[]>();
    for (const peer of peers) {
      const why = shape.needsVips && !peer.knowsVips ? 'it knows no vips' : peer.cannot(shape);
      if (why === undefined) runs.set(peer, []);
      else missing.push({ shape: shape.name, peer: peer.name, why });
    }
    const last = Math.max(...peers.map(rounds));
    for (let round = 0; round < last; round++) {
      for (const [peer, done] of runs) {
        if (round >= rounds(peer)) continue;
        const label = `${shape.name} ${peer.name} ${round + 1}/${rounds(peer)}`;
        try {
          done.push(await measure(peer, shape, (step) => progress(`${label}: ${step}`)));
        } catch (error) {
          missing.push({ shape: shape.name, peer: peer.name, why: `failed: ${(error as Error).message}` });
          runs.delete(peer);
        }
      }
    }
    for (const [peer, done] of runs) results.push(summarise(shape, peer.name, done));
  }
  return {
    at: new Date().toISOString(),
    machine: machineLine(),
    node: process.version,
    command,
    results,
    missing,
  };
}
