import { describe, expect, it } from 'vitest';
import { messagesOf, samplesOf, unreadOf } from '../../bench/peers/metrics.ts';

const page = (messages: number): string => `# TYPE dat_events_received_total counter
dat_events_received_total{type="pong"} 7
dat_events_received_total{type="message"} ${messages}
`;

describe('what a hub says of the events that it took', () => {
  it('shows those that it neither took nor refused', () => {
    const sent = { sentInAll: 100, refused: 10 };
    expect(unreadOf(samplesOf(page(90)), sent)).toBe(0);
    expect(unreadOf(samplesOf(page(60)), sent)).toBe(30);
    expect(unreadOf(samplesOf(page(100)), sent)).toBe(0); // what it refused may count as taken
  });

  it('is not taken for nothing when it is not there', () => {
    expect(() => messagesOf(samplesOf('up 1\n'))).toThrow('the hub does not say dat_events_received_total');
  });
});
