/** The link's counters. Cluster thread only; the host copies them to where metrics are read. */

const linkCountNames = [
  'eventsSent',
  'eventsReceived',
  'eventsShed',
  'eventsRepeated',
  'eventsRefused',
  'eventsHeld',
  'gaps',
  'batchesSent',
  'batchesReceived',
  'bytesSent',
  'bytesReceived',
  'resent',
  'streamGaps',
  'resyncs',
  'undecodable',
  'stray',
  'claims',
  'takeovers',
  'conflicts',
  'lookups',
  'nodesLost',
  'fences',
] as const;

export type LinkCountName = (typeof linkCountNames)[number];
export type LinkCounts = Record<LinkCountName, number>;

/** All counts, at 0. */
export function createLinkCounts(): LinkCounts {
  return Object.fromEntries(linkCountNames.map((name) => [name, 0])) as LinkCounts;
}
