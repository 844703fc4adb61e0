/** What a result was measured on. */
import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** What a measurement was made on, in one line. */
export function hostLine(): string {
  const gib = (totalmem() / 2 ** 30).toFixed(0);
  const model = cpus()[0]?.model.trim();
  return `${availableParallelism()} cores (${model}), ${gib} GiB, ${process.platform} ${release()}, Node ${process.version}`;
}
