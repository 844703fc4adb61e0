/** The figures that the hub kept of the time before the page was opened. */
import type { KeptFiguresAnswer } from '../../src/admin/stats-schemas.ts';
import { ask } from './api.ts';
import { SAMPLES_MAX, type Sample, samplesOf } from './series.ts';

/** @throws ApiError */
export async function keptFigures(): Promise<Sample[]> {
  return samplesOf(await ask<KeptFiguresAnswer>('GET', `/v1/stats/history?seconds=${SAMPLES_MAX}`));
}
