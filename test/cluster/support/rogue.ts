/** A node that keeps to the form of sessions and beats, and for the rest says whatever the test wants. */
import { decodeBeat, encodeBeat, Phase } from '../../../src/cluster/beats.ts';
import { createLinkCounts } from '../../../src/cluster/figures.ts';
import * as records from '../../../src/cluster/records.ts';
import { LinkSession } from '../../../src/cluster/session.ts';
import { readHead, viewsOf } from '../../../src/cluster/wire.ts';
import type { SimulatedNode, Simulation } from './simulation.ts';

const BEAT_MS = 1000;

export class Rogue {
  readonly #simulation: Simulation;
  readonly #self: SimulatedNode;
  /** By boot. */
  readonly #sessions = new Map<number, LinkSession>();
  readonly #nodes = new Map<number, string>();
  #beats = 0;
  #beatAtMs = 0;
  #numbers = 0;

  /** @param self whose place in the simulation it takes */
  constructor(simulation: Simulation, self: SimulatedNode) {
    this.#simulation = simulation;
    this.#self = self;
  }

  get openSessions(): LinkSession[] {
    return [...this.#sessions.values()].filter(({ isOpen }) => isOpen);
  }

  /** With a node that it has heard. */
  sessionWith(node: string): LinkSession {
    const [boot] = [...this.#nodes].find(([, name]) => name === node)!;
    return this.#session(boot);
  }

  connected(): void {}

  heard(message: Uint8Array): void {
    const beat = decodeBeat(message);
    if (beat === undefined || beat.boot === this.#self.boot) return;
    this.#nodes.set(beat.boot, beat.node);
    this.#session(beat.boot).open();
  }

  received(message: Uint8Array): void {
    const views = viewsOf(message.length);
    views.u8.set(message);
    const head = readHead(views, message.length);
    if (head !== undefined && this.#nodes.has(head.boot))
      this.#session(head.boot).receive(head, views, message.length);
  }

  tick(): void {
    const now = this.#simulation.clock.now();
    for (const session of this.#sessions.values()) session.tick();
    if (now - this.#beatAtMs < BEAT_MS) return;
    this.#beatAtMs = now;
    this.#beats += 1;
    const { boot, name: node } = this.#self;
    const said = { boot, node, number: this.#beats, version: '', startedAt: 0, revision: 0, bucket: '' };
    const counts = { devices: 0, subscribers: 0, eventsPerSecond: 0, draining: false, bye: false };
    const crossed = { eventsSent: 0, eventsReceived: 0, gaps: 0 };
    this.#simulation.sendToAll(this.#self, encodeBeat({ ...said, ...counts, ...crossed, phase: Phase.in }));
  }

  flush(): void {
    for (const session of this.#sessions.values()) session.flush();
  }

  #session(boot: number): LinkSession {
    const found = this.#sessions.get(boot);
    if (found !== undefined) return found;
    const deps = {
      clock: this.#simulation.clock,
      figures: createLinkCounts(),
      boot: this.#self.boot,
      nextNumber: () => ++this.#numbers,
    };
    const session: LinkSession = new LinkSession(deps, {
      send: (message) => this.#simulation.send(this.#self, this.#nodes.get(boot)!, message),
      wantFlush: () => this.#simulation.flushSoon(this.#self),
      opened: () => {
        records.opened.write(session, { answered: 0, joining: false });
        records.ready.write(session, {});
        records.claimed.write(session, {});
      },
      ended: () => {},
      received: () => {},
    });
    this.#sessions.set(boot, session);
    return session;
  }
}
