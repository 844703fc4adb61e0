/** How the hub does now: threads, rings, the presence table, who is busy, who is slow, who left and why. */
import { closes } from '../../src/codes.ts';
import { bytes, integer, milliseconds, NOTHING, percent, rate, span } from './format.ts';
import type { LiveFigures } from './live.ts';
import { Id, Meter, Panel, Table } from './parts.tsx';
import { hashOf } from './route.ts';

/** @param first the figures that "since you opened this page" counts from */
export function Tables({ figures, first }: { figures: LiveFigures; first: LiveFigures }) {
  return (
    <div class="grid tables">
      <Threads figures={figures} />
      <Rings figures={figures} />
      <Capacity figures={figures} />
      <Busiest figures={figures} />
      <Slow figures={figures} />
      <Disconnects figures={figures} first={first} />
    </div>
  );
}

function Threads({ figures }: { figures: LiveFigures }) {
  const { threads, workerRestarts } = figures;
  const restarts = Object.values(workerRestarts).reduce<number>((sum, count) => sum + (count ?? 0), 0);
  return (
    <Panel title="Threads" note={restarts === 0 ? undefined : `${integer(restarts)} restarts`}>
      <Table label="Threads" columns={threadColumns} empty="No threads." isEmpty={threads.length === 0}>
        {threads.map((thread) => (
          <tr key={thread.thread}>
            <th scope="row">{thread.thread}</th>
            <td class="number">{milliseconds(thread.loopLagSeconds)}</td>
            <td class="number">{thread.thread === 'owner' ? NOTHING : integer(thread.connections)}</td>
            <td class="number">{workOf(thread)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

const threadColumns = [
  { name: 'Thread' },
  {
    name: 'Event loop delay',
    title:
      'Longest in the last second. For the owner, which has no event loop: the longest pass over its rings',
    isNumber: true,
  },
  { name: 'Connections', isNumber: true },
  { name: 'Work per second', isNumber: true },
];

/** What the thread did, of all that a thread may do; before a second has passed nothing is known. */
function workOf({
  receivedPerSecond,
  recordsPerSecond,
  deliveriesPerSecond,
}: LiveFigures['threads'][number]): string {
  if (recordsPerSecond === null) return NOTHING;
  const parts = [
    [receivedPerSecond, 'received'],
    [recordsPerSecond, 'records'],
    [deliveriesPerSecond, 'sent'],
  ] as const;
  const done = parts.filter(([perSecond]) => perSecond !== null && perSecond > 0);
  return done.map(([perSecond, what]) => `${rate(perSecond)} ${what}`).join(', ') || 'idle';
}

function Rings({ figures: { rings } }: { figures: LiveFigures }) {
  return (
    <Panel title="Rings" note="in use now">
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
        empty="No events in the last second."
        isEmpty={busiest.length === 0}
      >
        {busiest.map(({ device, perSecond }) => (
          <tr key={device}>
            <th scope="row" class="id">
              <Id id={device} href={hashOf({ view: 'device', device })} />
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
  return (
    <Panel
      title="Slow subscribers"
      note={`${integer(sendQueues.lagging)} now, ${integer(closed)} closed since start`}
    >
      <Table
        label="Slow subscribers"
        columns={slowColumns}
        empty="No slow subscribers."
        isEmpty={slow.length === 0}
      >
        {slow.map(({ subscriber, queuedBytes, laggingMs, vip }) => (
          <tr key={subscriber}>
            <th scope="row" class="id">
              <Id id={subscriber} href={hashOf({ view: 'subscriber', subscriber })} />
              {vip ? <span class="tag">vip</span> : null}
            </th>
            <td class="number">{bytes(queuedBytes)}</td>
            <td class="number">{span(laggingMs)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

const slowColumns = [
  { name: 'Subscriber' },
  { name: 'Queue', title: 'Bytes waiting to be sent to it', isNumber: true },
  { name: 'Slow for', isNumber: true },
];

/** Close codes of the WebSocket protocol; the hub's own are in its registry. */
const standardCodes: Readonly<Record<string, string>> = {
  1000: 'normal',
  1001: 'going away',
  1005: 'closed without a code',
  1006: 'connection lost',
  1009: 'frame too large',
  other: 'another code',
};
const meanings: Readonly<Record<string, string>> = {
  ...standardCodes,
  ...Object.fromEntries(Object.values(closes).map(({ code, reason }) => [code, reason])),
};

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
  const note = `since you opened this page / since the hub started`;
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
        empty="No disconnects."
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
  const { active, inactive, deny } = subscriptions;
  const note = `subscriptions: ${integer(active)} active, ${integer(inactive)} inactive, ${integer(deny)} denied`;
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
