/** How the hub does: rates, latency, threads, rings, who is slow, who left and why. */
import { useMemo } from 'preact/hooks';
import { closes } from '../../src/codes.ts';
import { bytes, integer, milliseconds, NOTHING, percent, rate, short, span } from './format.ts';
import type { History } from './history.ts';
import type { LiveFigures } from './live.ts';
import { Meter, Panel, Table } from './parts.tsx';
import { Plot } from './plot.tsx';
import { hashOf } from './route.ts';

export function Overview({ figures, history }: { figures: LiveFigures; history: History }) {
  return (
    <>
      <div class="grid plots">
        <Plots history={history} at={figures.at} />
      </div>
      <div class="grid tables">
        <Threads figures={figures} />
        <Rings figures={figures} />
        <Capacity figures={figures} />
        <Busiest figures={figures} />
        <Slow figures={figures} />
        <Disconnects figures={figures} first={history.firstOf(figures.startedAt) ?? figures} />
      </div>
    </>
  );
}

/** @param at of the newest figures: the plots are drawn again when it changes */
function Plots({ history, at }: { history: History; at: number }) {
  // The history is one object that grows
  const data = useMemo(() => {
    const of = (name: string, colour: string, read: (figures: LiveFigures) => number | null) => ({
      name,
      colour,
      values: history.series(read),
    });
    return {
      times: history.times(),
      events: [
        of('message', '--line-1', ({ rates }) => rates?.received.message ?? null),
        of('status', '--line-2', ({ rates }) => rates?.received.status ?? null),
        of('pong', '--line-3', ({ rates }) => rates?.received.pong ?? null),
        of('skipped', '--line-4', ({ rates }) => rates?.skipped ?? null),
      ],
      deliveries: [
        of('delivered', '--line-1', ({ rates }) => rates?.deliveries ?? null),
        of('dropped', '--line-bad', ({ rates }) => (rates === null ? null : droppedOf(rates))),
      ],
      latency: [
        of('p50', '--line-1', ({ latency }) => latency.p50Seconds),
        of('p90', '--line-2', ({ latency }) => latency.p90Seconds),
        of('p99', '--line-4', ({ latency }) => latency.p99Seconds),
      ],
      connections: [
        of('devices', '--line-1', ({ connections }) => connections.device),
        of('subscribers', '--line-2', ({ connections }) => connections.subscriber),
      ],
    };
  }, [at]);
  const { times } = data;
  return (
    <>
      <Panel title="Events received" note="per second">
        <Plot label="Events per second" times={times} lines={data.events} text={rate} axis={short} />
      </Panel>
      <Panel title="Deliveries" note="per second">
        <Plot label="Deliveries per second" times={times} lines={data.deliveries} text={rate} axis={short} />
      </Panel>
      <Panel title="Latency" note="receive to send">
        <Plot label="Latency" times={times} lines={data.latency} text={milliseconds} axis={milliseconds} />
      </Panel>
      <Panel title="Connections">
        <Plot
          label="Connections"
          times={times}
          lines={data.connections}
          text={(value) => (value === null ? NOTHING : integer(value))}
          axis={short}
        />
      </Panel>
    </>
  );
}

/** Events per second that somebody did not get, for whatever reason. */
export function droppedOf(rates: NonNullable<LiveFigures['rates']>): number {
  return Object.values(rates.dropped).reduce((sum, value) => sum + value, 0);
}

function Threads({ figures }: { figures: LiveFigures }) {
  const { threads, workerRestarts } = figures;
  const restarts = workerRestarts.owner + workerRestarts.fanout;
  const columns = [
    { name: 'Thread' },
    { name: 'Loop lag', isNumber: true },
    { name: 'Sockets', isNumber: true },
    { name: 'Work per second', isNumber: true },
  ];
  return (
    <Panel title="Threads" note={restarts === 0 ? undefined : `${restarts} restarted`}>
      <Table label="Threads" columns={columns} empty="" isEmpty={false}>
        {threads.map((thread) => {
          const isOwner = thread.thread === 'owner'; // it has no sockets and no event loop to lag
          return (
            <tr key={thread.thread}>
              <th scope="row">{thread.thread}</th>
              <td class="number">{isOwner ? NOTHING : milliseconds(thread.loopLagSeconds)}</td>
              <td class="number">{isOwner ? NOTHING : integer(thread.connections)}</td>
              <td class="number">{workOf(thread)}</td>
            </tr>
          );
        })}
      </Table>
    </Panel>
  );
}

/** What this kind of thread is there for; main sends too where there are no fan-out workers. */
function workOf(thread: LiveFigures['threads'][number]): string {
  const { receivedPerSecond, recordsPerSecond, deliveriesPerSecond } = thread;
  if (thread.thread === 'owner') return `${rate(recordsPerSecond)} records`;
  const sent = `${rate(deliveriesPerSecond)} sent`;
  if (thread.thread !== 'main') return sent;
  const received = `${rate(receivedPerSecond)} received`;
  return deliveriesPerSecond === null || deliveriesPerSecond === 0 ? received : `${received}, ${sent}`;
}

function Rings({ figures: { rings } }: { figures: LiveFigures }) {
  return (
    <Panel title="Rings" note="used now">
      <Table
        label="Rings"
        columns={[{ name: 'Ring' }, { name: 'Used', isNumber: true }, { name: '' }]}
        empty=""
        isEmpty={false}
      >
        {rings.map(({ ring, usedRatio }) => (
          <tr key={ring}>
            <th scope="row">{ring}</th>
            <td class="number">{percent(usedRatio)}</td>
            <td class="bar">
              <Meter name={`Ring ${ring}`} ratio={usedRatio} />
            </td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

function Busiest({ figures: { busiest } }: { figures: LiveFigures }) {
  const columns = [{ name: 'Device' }, { name: 'Events per second', isNumber: true }];
  return (
    <Panel title="Busiest devices">
      <Table
        label="Busiest devices"
        columns={columns}
        empty="No device broadcasts."
        isEmpty={busiest.length === 0}
      >
        {busiest.map(({ device, perSecond }) => (
          <tr key={device}>
            <th scope="row" class="id">
              <a href={hashOf({ view: 'device', device })}>{device}</a>
            </th>
            <td class="number">{rate(perSecond)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

function Slow({ figures: { slow, sendQueues, slowCloses } }: { figures: LiveFigures }) {
  const closed = slowCloses.queue + slowCloses.time + slowCloses.budget;
  const note = `${integer(sendQueues.lagging)} lag, ${integer(closed)} closed since start`;
  const columns = [
    { name: 'Subscriber' },
    { name: 'Waiting', isNumber: true },
    { name: 'For', isNumber: true },
    { name: 'Vip' },
  ];
  return (
    <Panel title="Slow subscribers" note={note}>
      <Table label="Slow subscribers" columns={columns} empty="Nobody lags." isEmpty={slow.length === 0}>
        {slow.map(({ subscriber, queuedBytes, laggingMs, vip }) => (
          <tr key={subscriber}>
            <th scope="row" class="id">
              {subscriber}
            </th>
            <td class="number">{bytes(queuedBytes)}</td>
            <td class="number">{span(laggingMs)}</td>
            <td>{vip ? 'vip' : ''}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

/** Close codes of the WebSocket protocol; the hub's own are in its registry. */
const standardCodes: Readonly<Record<string, string>> = {
  1000: 'normal',
  1001: 'going away',
  1005: 'closed without a code',
  1006: 'connection lost',
  1009: 'frame too large',
  other: 'any other code',
};
const meanings: Readonly<Record<string, string>> = {
  ...standardCodes,
  ...Object.fromEntries(Object.values(closes).map(({ code, reason }) => [code, reason])),
};

/** @param first the figures that "recent" counts from */
function Disconnects({ figures, first }: { figures: LiveFigures; first: LiveFigures }) {
  const codes = new Set([
    ...Object.keys(figures.disconnects.device),
    ...Object.keys(figures.disconnects.subscriber),
  ]);
  const rows = [...codes].sort().map((code) => {
    const of = (role: 'device' | 'subscriber') => {
      const total = figures.disconnects[role][code] ?? 0;
      return { total, recent: total - (first.disconnects[role][code] ?? 0) };
    };
    return { code, device: of('device'), subscriber: of('subscriber') };
  });
  const note = `in the last ${span(figures.at - first.at)} / since start`;
  const columns = [
    { name: 'Code' },
    { name: 'Meaning' },
    { name: 'Devices', isNumber: true },
    { name: 'Subscribers', isNumber: true },
  ];
  return (
    <Panel title="Disconnects" note={note}>
      <Table
        label="Disconnects by code"
        columns={columns}
        empty="Nobody has left."
        isEmpty={rows.length === 0}
      >
        {rows.map(({ code, device, subscriber }) => (
          <tr key={code}>
            <th scope="row">{code}</th>
            <td>{meanings[code] ?? ''}</td>
            <td class="number">
              {integer(device.recent)} <span class="muted">/ {integer(device.total)}</span>
            </td>
            <td class="number">
              {integer(subscriber.recent)} <span class="muted">/ {integer(subscriber.total)}</span>
            </td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

function Capacity({ figures: { capacity, subscriptions } }: { figures: LiveFigures }) {
  const note = `${integer(subscriptions.active)} subscriptions active, ${integer(subscriptions.inactive)} inactive, ${integer(subscriptions.deny)} denied`;
  return (
    <Panel title="Presence table" note={note}>
      <Table
        label="Presence table"
        columns={[
          { name: 'Rows' },
          { name: 'Used', isNumber: true },
          { name: 'Of', isNumber: true },
          { name: '' },
        ]}
        empty=""
        isEmpty={false}
      >
        {Object.entries(capacity).map(([table, { used, capacity: of, usedRatio }]) => (
          <tr key={table}>
            <th scope="row">{table}</th>
            <td class="number">{integer(used)}</td>
            <td class="number">{integer(of)}</td>
            <td class="bar">
              <Meter name={`Rows for ${table}`} ratio={usedRatio} />
            </td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}
