/** The figures of a hub as lines of text. Pure. */
import type { LiveFigures } from '../../admin/live-schemas.ts';
import { printable, styled, table } from '../output.ts';
import { duration } from '../time.ts';
import { type Chosen, orders, type RowOrder, workOf } from './orders.ts';

const SLOW_SHOWN = 8;

/** The whole screen of `dat top`, as lines. */
export function screenLines(figures: LiveFigures, chosen: Chosen): string[] {
  return [
    ...summary(figures),
    '',
    ...threadTable(figures, orders.threads[chosen.threads]!),
    '',
    `rings ${figures.rings.map(({ ring, usedRatio }) => `${ring} ${percent(usedRatio)}`).join('   ')}`,
    ...deviceTable(figures, orders.devices[chosen.devices]!),
    ...slowTable(figures, orders.slow[chosen.slow]!),
  ];
}

const number = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1);
const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`;
const milliseconds = (seconds: number | null): string =>
  seconds === null ? '–' : `${(seconds * 1e3).toFixed(2)} ms`;

function summary(figures: LiveFigures): string[] {
  const { rates, latency, connections, devices, subscriptions, notReady } = figures;
  const { residentBytes, cpuRatio } = figures.process;
  const received = Object.values(rates?.received ?? {}).reduce((sum, value) => sum + value, 0);
  const state = notReady === null ? styled('green', 'ready') : styled('red', notReady);
  const gateways = connections.gateway === 0 ? '' : `${connections.gateway} gateways, `;
  const up = duration(figures.at - figures.startedAt);
  return [
    `${styled('bold', 'dat top')}  ${figures.version}, ${figures.transport}, ${state}, up ${up}`,
    `events/s ${number(received)}   skipped/s ${number(rates?.skipped ?? 0)}   deliveries/s ${number(rates?.deliveries ?? 0)}   dropped/s ${number(rates?.droppedEvents ?? 0)}`,
    `latency p50 ${milliseconds(latency.p50Seconds)}   p90 ${milliseconds(latency.p90Seconds)}   p99 ${milliseconds(latency.p99Seconds)}`,
    `connections ${connections.device} devices, ${gateways}${connections.subscriber} subscribers   devices ${devices.online} online, ${devices.stale} stale, ${devices.offline} offline`,
    `subscriptions ${subscriptions.active} active, ${subscriptions.inactive} inactive, ${subscriptions.deny} denied   memory ${Math.round(residentBytes / 1024 ** 2)} MiB   CPU ${cpuRatio === null ? '–' : percent(cpuRatio)}`,
  ];
}

function threadTable({ threads }: LiveFigures, order: RowOrder<LiveFigures['threads'][number]>): string[] {
  const cells = threads
    .toSorted(order.compare)
    .map((thread) => [
      thread.thread,
      milliseconds(thread.loopLagSeconds),
      String(thread.connections),
      number(workOf(thread)),
    ]);
  return ordered(['THREAD', 'LAG', 'SOCKETS', 'WORK/S'], order, cells);
}

function deviceTable({ busiest }: LiveFigures, order: RowOrder<LiveFigures['busiest'][number]>): string[] {
  if (busiest.length === 0) return [];
  const cells = busiest
    .toSorted(order.compare)
    .map(({ device, perSecond }) => [printable(device), number(perSecond)]);
  return ['', ...ordered(['BUSIEST DEVICE', 'EVENTS/S'], order, cells)];
}

function slowTable({ slow }: LiveFigures, order: RowOrder<LiveFigures['slow'][number]>): string[] {
  if (slow.length === 0) return [];
  const cells = slow
    .toSorted(order.compare)
    .slice(0, SLOW_SHOWN)
    .map(({ subscriber, queuedBytes, laggingMs }) => [
      subscriber,
      `${Math.round(queuedBytes / 1024)} KiB`,
      `${(laggingMs / 1000).toFixed(1)} s`,
    ]);
  return ['', ...ordered(['SLOW SUBSCRIBER', 'WAITING', 'FOR'], order, cells)];
}

/** A table whose head shows which column it is ordered by. */
function ordered(
  head: readonly string[],
  { column }: { readonly column: string },
  cells: readonly (readonly string[])[],
): string[] {
  const marked = head.map((title) => (title === column ? `${title}↓` : title));
  return table(marked, cells).split('\n');
}
