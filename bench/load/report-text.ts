/** The session as tables on a terminal. */
import { styleText } from 'node:util';
import type { Result, Session } from './results.ts';
import type { Shape } from './shapes.ts';
import type { Verdict } from './thresholds.ts';

export function reportText(session: Session, shapes: readonly Shape[], verdicts: readonly Verdict[]): string {
  const lines = [`${session.machine}, Node ${session.node}`];
  for (const shape of shapes) {
    const results = session.results.filter((result) => result.shape === shape.name);
    const missing = session.missing.filter((entry) => entry.shape === shape.name);
    if (results.length === 0 && missing.length === 0) continue;
    lines.push('', styleText('bold', `${shape.name}: ${shape.about}`), headOf(shape));
    for (const result of results) lines.push(rowOf(result));
    for (const result of results) lines.push(...notesOf(result));
    for (const { peer, why } of missing) lines.push(`  ${peer}: not played, ${why}`);
  }
  if (verdicts.length > 0) lines.push('', styleText('bold', 'Targets'), ...verdicts.map(verdictLine));
  return lines.join('\n');
}

const WIDTH = 13;
const cell = (text: string): string => text.padStart(WIDTH);

function headOf(shape: Shape): string {
  const per = shape.per === 'connection' ? 'conn.·s' : shape.per;
  const names = [`µs/${per}`, 'cores', 'events/s', 'deliveries/s', 'p50 ms', 'p99 ms', 'p99.9 ms'];
  return `  ${'peer'.padEnd(WIDTH)}${names.map(cell).join('')}`;
}

function rowOf(result: Result): string {
  const { p50, p99, p999 } = result.latencyMs;
  const figures = [
    result.cpuUs.toFixed(2),
    result.cores.toFixed(2),
    result.eventsPerSecond.toFixed(0),
    result.deliveriesPerSecond.toFixed(0),
    ...[p50, p99, p999].map((ms) => (ms > 0 ? ms.toFixed(ms < 100 ? 2 : 0) : '')),
  ];
  return `  ${result.peer.padEnd(WIDTH)}${figures.map(cell).join('')}`;
}

function notesOf(result: Result): string[] {
  const notes: string[] = [];
  const { lost, told, refused = 0, duplicated, disordered, connectionsLost } = result;
  const { keptUp = 1, disturbedLatencyMs, vipLatencyMs, followsPerSecond, reconnectsPerSecond } = result;
  if (keptUp < 1)
    notes.push(`it fell behind: ${(keptUp * 100).toFixed(0)} % of what was due came within the window`);
  const disturbed = [
    ...(followsPerSecond === undefined ? [] : [`${followsPerSecond.toFixed(0)} follows/s`]),
    ...(reconnectsPerSecond === undefined ? [] : [`${reconnectsPerSecond.toFixed(0)} reconnects/s`]),
  ];
  if (disturbed.length > 0) notes.push(`beside it ${disturbed.join(' and ')}`);
  if (disturbedLatencyMs !== undefined) {
    notes.push(
      `p99 ${disturbedLatencyMs.p99.toFixed(2)} ms in the second window, ${times(result.disturbedP99Ratio)}`,
    );
  }
  if (result.replayedCpuUs !== undefined)
    notes.push(`${result.replayedCpuUs.toFixed(2)} µs of CPU per replayed event`);
  if (result.filterMs !== undefined)
    notes.push(`the filter was answered in ${result.filterMs.toFixed(0)} ms`);
  if (vipLatencyMs !== undefined) {
    notes.push(
      `vips: p50 ${vipLatencyMs.p50.toFixed(2)}, p99 ${vipLatencyMs.p99.toFixed(2)} ms, ${times(result.vipP99Ratio)}`,
    );
  }
  if (result.per === 'connection') {
    notes.push(`${(result.rssBytesPerConnection / 1024).toFixed(2)} KiB resident per connection`);
  }
  if (lost + refused + duplicated + disordered + connectionsLost > 0) {
    notes.push(
      `${lost} lost (${told} told in gaps), ${refused} refused, ${duplicated} doubled, ${disordered} out of order, ${connectionsLost} readers cut off`,
    );
  }
  const { generatorLimits, runs } = result;
  if (generatorLimits.length > 0) {
    notes.push(
      `the generator was the limit in ${generatorLimits.length} of ${runs} runs: ${generatorLimits[0]}`,
    );
  }
  return notes.map((note) => `  ${result.peer}: ${note}`);
}

function times(ratio: number | undefined): string {
  return `${(ratio ?? 0).toFixed(2)} ×`;
}

function verdictLine({ shape, figure, value, limit, unit, ok, doubt }: Verdict): string {
  const mark = ok ? styleText('green', 'ok  ') : styleText('red', doubt === undefined ? 'MISS' : '?   ');
  const why = doubt === undefined ? '' : `; it says nothing: ${doubt}`;
  return `  ${mark} ${shape.padEnd(10)} ${figure}: ${value.toFixed(2)} ${unit} (at most ${limit.toFixed(2)})${why}`;
}
