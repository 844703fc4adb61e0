import { describe, expect, it } from 'vitest';
import { reportHtml } from '../../../src/cli/bench/report-html.ts';
import { outcomeOf } from './sample.ts';

describe('the page of a bench', () => {
  const outcome = outcomeOf(Array.from({ length: 2000 }, (_, n) => 0.1 + n / 100));
  const held = { outcome, missed: [] };
  const more = { outcome: { ...outcome, load: { ...outcome.load, rate: 50 } }, missed: ['p99'] };

  it('holds all that it needs, and plots of latency, rate and knee', () => {
    const knee = { steps: [held, more], held, limit: 'hub' } as const;
    const html = reportHtml({ outcome, missed: [], knee, facts: ['<now>'] });
    expect(html).not.toMatch(/src=|href=|https?:|@import|url\(/);
    expect(html.match(/<svg /g)).toHaveLength(4);
    expect(html).toContain('&lt;now&gt;');
    expect(html).not.toContain('NaN');
    for (const title of ['latency by percentile', 'latency of each second', 'per second', 'p99 by events'])
      expect(html).toContain(title);
  });

  it('leaves out what there is nothing to show of', () => {
    const html = reportHtml({ outcome: outcomeOf([]), missed: [], knee: undefined, facts: [] });
    expect(html).toContain('none: nothing was delivered');
    expect(html).not.toContain('latency by percentile, ms</text>');
  });
});
