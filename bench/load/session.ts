/** Runs a session: every load, every peer that can play it, one after the other in rounds (A B A B). */
import { machineLine } from '../../src/cli/bench/host.ts';
import type { Peer } from '../peers/peer.ts';
import { measure, type Run } from './measure.ts';
import { type Missing, type Session, summarise } from './results.ts';
import type { Shape } from './shapes.ts';

export interface Plan {
  readonly shapes: readonly Shape[];
  readonly peers: readonly Peer[];
  /** How often a peer plays each load. */
  rounds(peer: Peer): number;
  readonly command: string;
  progress(line: string): void;
}

/** A run in which the generator was the limit says nothing of the peer: it is played again, so many times at most. */
const REPLAYS_MAX = 2;

export async function runSession({ shapes, peers, rounds, command, progress }: Plan): Promise<Session> {
  const missing: Missing[] = [];
  const results = [];
  for (const shape of shapes) {
    const runs = new Map<Peer, Run[]>();
    for (const peer of peers) {
      const why = shape.hubOnly && !peer.isHub ? 'it has no such feature' : peer.cannot(shape);
      if (why === undefined) runs.set(peer, []);
      else missing.push({ shape: shape.name, peer: peer.name, why });
    }
    const last = Math.max(...peers.map(rounds));
    for (let round = 0; round < last; round++) {
      for (const [peer, done] of runs) {
        if (round >= rounds(peer)) continue;
        const label = `${shape.name} ${peer.name} ${round + 1}/${rounds(peer)}`;
        try {
          done.push(await soundRun(peer, shape, (step) => progress(`${label}: ${step}`)));
        } catch (error) {
          const why = `failed: ${(error as Error).message}`;
          missing.push({ shape: shape.name, peer: peer.name, why, failed: true });
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

async function soundRun(peer: Peer, shape: Shape, progress: (line: string) => void): Promise<Run> {
  let run = await measure(peer, shape, progress);
  for (let replays = 0; replays < REPLAYS_MAX && run.generatorLimit !== undefined; replays++)
    run = await measure(peer, shape, progress);
  return run;
}

/** @throws when these results are not of this machine and this Node, which would make one session of two */
export function checkMergeable({ machine, node }: Session, file: string): void {
  const [here, there] = [`${machineLine()}, Node ${process.version}`, `${machine}, Node ${node}`];
  if (here !== there) throw new Error(`--onto ${file}: it is of ${there}; this is ${here}`);
}

/** @returns the results that a file holds; figures that there are none of, which JSON cannot write, are NaN */
export function readSession(text: string): Session {
  return JSON.parse(text, (_key, value: unknown) => (value === null ? Number.NaN : value)) as Session;
}

/** The loads of one session, and from another of the same machine those that it did not play. */
export function mergeSessions(session: Session, onto: Session): Session {
  const played = new Set([...session.results, ...session.missing].map(({ shape }) => shape));
  const others = <Entry extends { readonly shape: string }>(entries: readonly Entry[]): Entry[] =>
    entries.filter(({ shape }) => !played.has(shape));
  return {
    ...session,
    command: `${onto.command}; then ${session.command}`,
    results: [...others(onto.results), ...session.results],
    missing: [...others(onto.missing), ...session.missing],
  };
}
