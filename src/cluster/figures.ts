/** What the link counts. Cluster thread only; the host copies it to where metrics are read. */

const figureNames = [
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

export type FigureName = (typeof figureNames)[number];
export type Figures = Record<FigureName, number>;

export function createFigures(): Figures {
  return Object.fromEntries(figureNames.map((name) => [name, 0])) as Figures;
}
