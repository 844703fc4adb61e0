/** What a result was measured on. */
import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** The host, in one line. */
export function machineLine(): string {
  const gib = (totalmem() / 2 ** 30).toFixed(0);
  const model = cpus()[0]?.model.trim();
  const system = process.platform === 'linux' ? 'Linux' : process.platform;
  return `${availableParallelism()} cores (${model}), ${gib} GiB, ${system} ${release()}`;
}

/** What a measurement was made on, in one line. */
export function hostLine(): string {
  return `${machineLine()}, Node ${process.version}`;
}
