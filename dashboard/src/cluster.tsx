/** The nodes of a cluster, and all of them together. */
import type { ClusterAnswer } from '../../src/admin/schemas.ts';
import { ask } from './api.ts';
import { ago, dateTime, integer, milliseconds, NOTHING, rate } from './format.ts';
import type { LiveFigures } from './live.ts';
import { ErrorNote, Panel, Table } from './parts.tsx';
import { usePoll } from './poll.ts';

type ClusterNode = ClusterAnswer['nodes'][number];

const REFRESH_MS = 2000;

/** Whether the hub is a node of a cluster: then it has a thread for the link. */
export function isInCluster({ threads }: LiveFigures): boolean {
  return threads.some(({ thread }) => thread === 'cluster');
}

export function Cluster({ figures: { at: now, startedAt } }: { figures: LiveFigures }) {
  const { answer, failure, again } = usePoll(`cluster ${startedAt}`, REFRESH_MS, (signal) =>
    ask<ClusterAnswer>('GET', '/v1/cluster', { signal }),
  );
  const isAlone = failure.startsWith('this hub is not part of a cluster');
  return (
    <Panel title="Cluster" note={answer === undefined ? undefined : noteOf(answer)} wide>
      {failure === '' || isAlone ? null : <ErrorNote message={failure} retry={again} />}
      {isAlone ? <p class="note">This hub is not part of a cluster.</p> : null}
      {answer === undefined ? null : (
        <Table label="Nodes" columns={columns} empty="No nodes." isEmpty={answer.nodes.length === 0} cards>
          {answer.nodes.map((node) => (
            <NodeRow key={node.id} node={node} asked={answer.node} now={now} />
          ))}
          {answer.lost.map((id) => (
            <LostRow key={id} id={id} />
          ))}
          <Total nodes={answer.nodes} />
        </Table>
      )}
    </Panel>
  );
}

const columns = [
  { name: 'Node' },
  { name: 'State' },
  { name: 'Version', isMinor: true },
  { name: 'Started' },
  { name: 'Devices', title: 'Connected to the node', isNumber: true },
  { name: 'Subscribers', title: 'Connected to the node', isNumber: true },
  { name: 'Events per second', title: 'From its own devices', isNumber: true },
  { name: 'Round trip', title: 'From the node that you look at', isNumber: true },
  { name: 'Events sent', title: 'To other nodes, once per node, since it started', isNumber: true },
  { name: 'Events received', title: 'From other nodes, since it started', isNumber: true },
  { name: 'Gaps', title: 'Missing events from other nodes, reported to its subscribers', isNumber: true },
];

function NodeRow({ node, asked, now }: { node: ClusterNode; asked: string; now: number }) {
  const { id, version, started, roundTripMs } = node;
  return (
    <tr>
      <th scope="row" class="id">
        {id}
        {id === asked ? <span class="muted"> (this hub)</span> : null}
      </th>
      <td data-name="State">{stateOf(node)}</td>
      <td class="minor">{version}</td>
      <td class="nowrap" data-name="Started" title={dateTime(started)}>
        {ago(started, now)}
      </td>
      <Counts node={node} trip={roundTripMs === null ? NOTHING : milliseconds(roundTripMs / 1e3)} />
    </tr>
  );
}

/** A node that is gone without a goodbye: nothing more is known of it. */
function LostRow({ id }: { id: string }) {
  return (
    <tr>
      <th scope="row" class="id">
        {id}
      </th>
      <td data-name="State">
        <span class="bad">lost</span>
      </td>
      <td class="minor" />
      <td colSpan={columns.length - 3} />
    </tr>
  );
}

function Total({ nodes }: { nodes: readonly ClusterNode[] }) {
  const sum = (read: (node: ClusterNode) => number): number =>
    nodes.reduce((total, node) => total + read(node), 0);
  const total = {
    devices: sum(({ devices }) => devices),
    subscribers: sum(({ subscribers }) => subscribers),
    eventsPerSecond: sum(({ eventsPerSecond }) => eventsPerSecond),
    eventsSent: sum(({ eventsSent }) => eventsSent),
    eventsReceived: sum(({ eventsReceived }) => eventsReceived),
    gaps: sum(({ gaps }) => gaps),
  };
  return (
    <tr class="total">
      <th scope="row">all nodes</th>
      <td />
      <td class="minor" />
      <td />
      <Counts node={total} trip="" />
    </tr>
  );
}

type Counted = Pick<
  ClusterNode,
  'devices' | 'subscribers' | 'eventsPerSecond' | 'eventsSent' | 'eventsReceived' | 'gaps'
>;

function Counts({ node, trip }: { node: Counted; trip: string }) {
  return (
    <>
      <td class="number" data-name="Devices">
        {integer(node.devices)}
      </td>
      <td class="number" data-name="Subscribers">
        {integer(node.subscribers)}
      </td>
      <td class="number" data-name="Events per second">
        {rate(node.eventsPerSecond)}
      </td>
      {trip === '' ? (
        <td />
      ) : (
        <td class="number" data-name="Round trip">
          {trip}
        </td>
      )}
      <td class="number" data-name="Events sent">
        {integer(node.eventsSent)}
      </td>
      <td class="number" data-name="Events received">
        {integer(node.eventsReceived)}
      </td>
      <td class="number" data-name="Gaps">
        {node.gaps === 0 ? '0' : <span class="warn">{integer(node.gaps)}</span>}
      </td>
    </>
  );
}

/** In the words of an operator: `in` is the usual phase. */
function stateOf({ phase, draining }: ClusterNode) {
  if (draining) return <span class="warn">draining</span>;
  if (phase === 'in') return 'live';
  return <span class={phase === 'fenced' ? 'bad' : 'warn'}>{phase}</span>;
}

function noteOf({ nodes, lost, state }: ClusterAnswer): string {
  const count = `${integer(nodes.length)} ${nodes.length === 1 ? 'node' : 'nodes'}`;
  const missing = lost.length === 0 ? '' : `, ${integer(lost.length)} lost`;
  return state === 'connected' ? count + missing : `${count}${missing}, disconnected from NATS`;
}
