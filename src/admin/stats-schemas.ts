/** What the route of the kept figures takes and answers, as zod schemas: openapi.json is made of them. */
import { z } from 'zod';
import { FIGURES_KEPT_SECONDS, FIGURES_TOLD_SECONDS } from '../limits.ts';
import { type KeptSeries, keptSeries } from './kept-figures.ts';
import { inDigits, wholeNumber } from './query-numbers.ts';
import { fields } from './schemas.ts';

const SECONDS_ACCEPTED = `a whole number from 1 to ${FIGURES_KEPT_SECONDS}`;

export const keptFiguresQuery = fields({
  seconds: inDigits(
    wholeNumber(SECONDS_ACCEPTED, 1, FIGURES_KEPT_SECONDS).default(FIGURES_TOLD_SECONDS),
  ).describe('At most so many figures, the newest'),
});

const names = Object.keys(keptSeries) as KeptSeries[];
const list = z.array(z.number().nullable());

export const keptFigures = z.object({
  intervalMs: z.number().describe('Between two figures; more where the main thread was held up'),
  at: z.array(z.number()).describe('When each figure was taken, milliseconds since 1970, oldest first'),
  series: z
    .object(
      Object.fromEntries(names.map((name) => [name, list.describe(keptSeries[name])])) as Record<
        KeptSeries,
        typeof list
      >,
    )
    .describe('Each as long as `at`'),
});
export type KeptFiguresAnswer = z.infer<typeof keptFigures>;
