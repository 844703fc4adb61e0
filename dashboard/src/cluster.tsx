/** The nodes of a cluster, and all of them together. */
import { ask } from './api.ts';
import { ago, dateTime, integer, milliseconds, NOTHING, rate } from './format.ts';
import type { LiveFigures } from './live.ts';
import { ErrorNote, NoRoute, Panel, Table } from './parts.tsx';
import { usePoll } from './poll.ts';

/** A node as `GET /v1/cluster` answers it. */
export interface ClusterNode {
  readonly node: string;
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly devices: number;
  readonly subscribers: number;
  readonly eventsPerSecond: number;
  /** From the node that was asked; null for that node itself, or while it is not known. */
  readonly roundTripMs: number | null;
}

export interface ClusterAnswer {
  readonly nodes: readonly ClusterNode[];
}

const REFRESH_MS = 2000;
const ROUTE = 'GET /v1/cluster';

/** Whether the hub is a node of a cluster: then it has a thread for the link. */
export function isInCluster({ threads }: LiveFigures): boolean {
  return threads.some(({ thread }) => thread === 'cluster');
}

export function Cluster({ figures: { at: now, startedAt } }: { figures: LiveFigures }) {
  const { answer, failure, isNoRoute, again } = usePoll(`cluster ${startedAt}`, REFRESH_MS, (signal) =>
    ask<ClusterAnswer>('GET', '/v1/cluster', { signal }),
  );
  const nodes = answer?.nodes ?? [];
  const sum = (read: (node: ClusterNode) => number): number =>
    nodes.reduce((total, node) => total + read(node), 0);
  return (
    <Panel title="Cluster" note={answer === undefined ? undefined : nodesText(nodes.length)} wide>
      {failure === '' ? null : <ErrorNote message={failure} retry={again} />}
      {isNoRoute ? <NoRoute what="Nodes of a cluster are" route={ROUTE} /> : null}
      {answer === undefined ? null : (
        <Table label="Nodes" columns={columns} empty="No nodes." isEmpty={nodes.length === 0} cards>
          {nodes.map((node) => (
            <NodeRow key={node.node} node={node} now={now} />
          ))}
          <tr class="total">
            <th scope="row">all nodes</th>
            <td />
            <td />
            <td class="number" data-name="Devices">
              {integer(sum(({ devices }) => devices))}
            </td>
            <td class="number" data-name="Subscribers">
              {integer(sum(({ subscribers }) => subscribers))}
            </td>
            <td class="number" data-name="Events per second">
              {rate(sum(({ eventsPerSecond }) => eventsPerSecond))}
            </td>
            <td />
          </tr>
        </Table>
      )}
    </Panel>
  );
}

const columns = [
  { name: 'Node' },
  { name: 'Version', isMinor: true },
  { name: 'Started' },
  { name: 'Devices', isNumber: true },
  { name: 'Subscribers', isNumber: true },
  { name: 'Events per second', isNumber: true },
  { name: 'Round trip', isNumber: true },
];

function NodeRow({ node, now }: { node: ClusterNode; now: number }) {
  return (
    <tr>
      <th scope="row" class="id">
        {node.node}
      </th>
      <td class="minor">{node.version}</td>
      <td class="nowrap" data-name="Started" title={dateTime(node.startedAt)}>
        {ago(node.startedAt, now)}
      </td>
      <td class="number" data-name="Devices">
        {integer(node.devices)}
      </td>
      <td class="number" data-name="Subscribers">
        {integer(node.subscribers)}
      </td>
      <td class="number" data-name="Events per second">
        {rate(node.eventsPerSecond)}
      </td>
      <td class="number" data-name="Round trip">
        {node.roundTripMs === null ? NOTHING : milliseconds(node.roundTripMs / 1e3)}
      </td>
    </tr>
  );
}

function nodesText(count: number): string {
  return `${integer(count)} ${count === 1 ? 'node' : 'nodes'}`;
}
