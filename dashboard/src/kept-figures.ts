/** The figures that the hub kept of the minutes before the page was opened. */
import { ask } from './api.ts';
import type { LiveFigures } from './live.ts';
import { type Sample, sampleOf } from './series.ts';

/** @throws ApiError */
export async function keptFigures(): Promise<Sample[]> {
  const { figures } = await ask<{ readonly figures: readonly LiveFigures[] }>('GET', '/v1/stats/history');
  return figures.map(sampleOf);
}
