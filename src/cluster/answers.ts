/** Answers main's questions to the cluster link, from the node or from its host. Cluster thread only. */
import { systemClock } from '../clock.ts';
import { phaseNames } from './beats.ts';
import type { LinkAnswers, LinkFigures, LinkQuestion, NodeFigures, NodesAnswer } from './commands.ts';
import type { HubHost } from './hub-host.ts';
import type { ClusterLink } from './link.ts';
import { HomeKind } from './records.ts';
import { after } from './time-limits.ts';

/**
 * How long a drain waits for other nodes to take what is left to them, ms: in all, and without progress; and the time
 * between two checks.
 */
const LEAVE_MS_MAX = 5000;
const LEAVE_IDLE_MS = 500;
const LEAVE_LOOK_MS = 20;

/** What beats do not say about this node. */
export interface OwnNode {
  readonly node: string;
  readonly version: string;
  readonly startedAtMs: number;
}

export type Answer = LinkAnswers[keyof LinkAnswers];

/** @param link undefined: it is being opened @throws Error when the cluster is disconnected */
export function answerTo(
  own: OwnNode,
  link: ClusterLink | undefined,
  host: Pick<HubHost, 'figures' | 'partsTaken'>,
  question: LinkQuestion,
): Promise<Answer> | Answer {
  if (link === undefined) throw new Error('the cluster is disconnected');
  const { node, operators } = link;
  switch (question.ask) {
    case 'change':
      return operators.change(question.changes);
    case 'pairs':
      return operators.pairs(question);
    case 'locate':
      return node.locate(question.device);
    case 'ending':
      return node.homes.endings.numberForAll(HomeKind.subscriber, question.subscriber);
    case 'isNewer':
      return node.homes.isNewer(HomeKind.subscriber, question.subscriber, question.number);
    case 'call':
      return node.call(question.node, question.name, question.body);
    case 'nodes':
      return nodesOf(own, link, host);
    case 'left':
      return leftAll(node, host);
    case 'figures':
      return figuresOf(link);
  }
}

function nodesOf(
  { node: own, version, startedAtMs }: OwnNode,
  link: ClusterLink,
  host: Pick<HubHost, 'figures'>,
): NodesAnswer {
  const { figures, phase, members } = link.node;
  const self = {
    ...{ node: own, version, startedAtMs, ...host.figures(), ...crossedOf(figures) },
    ...{ phase: phaseNames[phase], roundTripMs: undefined },
  };
  const alive = [self, ...othersOf(link)];
  const isAlive = new Set(alive.map(({ node }) => node));
  return { alive, lost: members.recent().filter((node) => !isAlive.has(node)) };
}

function othersOf({ node }: ClusterLink): NodeFigures[] {
  return [...node.members.all].map(({ node: name, rttMs, beat }) => {
    const { version, startedAt, devices, subscribers, eventsPerSecond, draining, phase } = beat;
    const figures = { devices, subscribers, eventsPerSecond, draining, ...crossedOf(beat) };
    const said = { node: name, version, startedAtMs: startedAt, ...figures };
    return { ...said, phase: phaseNames[phase], roundTripMs: rttMs };
  });
}

type Crossed = Pick<NodeFigures, 'eventsSent' | 'eventsReceived' | 'gaps'>;

function crossedOf({ eventsSent, eventsReceived, gaps }: Crossed): Crossed {
  return { eventsSent, eventsReceived, gaps };
}

/** Waits until the node has left everything to others, a few seconds at most. @returns whether it has */
async function leftAll(node: ClusterLink['node'], host: Pick<HubHost, 'partsTaken'>): Promise<boolean> {
  const untilMs = systemClock.now() + LEAVE_MS_MAX;
  let before = { count: Number.POSITIVE_INFINITY, parts: host.partsTaken };
  let sinceMs = systemClock.now();
  while (systemClock.now() < untilMs) {
    const { claims, departures } = node.homes;
    const now = { count: claims.count + departures.onTheirWay, parts: host.partsTaken };
    if (now.count === 0) return true;
    const isMoving = now.count < before.count || now.parts > before.parts || departures.isBusy;
    if (isMoving) sinceMs = systemClock.now();
    else if (systemClock.now() - sinceMs > LEAVE_IDLE_MS) return false; // nobody takes it
    before = now;
    await after(LEAVE_LOOK_MS);
  }
  return false;
}

function figuresOf(link: ClusterLink): LinkFigures {
  const trips = othersOf(link).map(({ roundTripMs = 0 }) => roundTripMs);
  return { counts: { ...link.node.figures }, nodes: 1 + trips.length, roundTripMs: Math.max(0, ...trips) };
}
