import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { messagesOf, samplesOf, unreadByEnd, unreadOf } from '../../bench/peers/metrics.ts';
import { bindFreePort } from '../support/bind-free-port.ts';

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

  it('is asked again while it still takes some, and no longer', async () => {
    const taken = [60, 80, 90];
    let asked = 0;
    const server = createServer((_, response) => response.end(page(taken[asked++] ?? 90)));
    onTestFinished(() => void server.close());
    const adminUrl = `http://127.0.0.1:${await bindFreePort(server)}`;
    const timing = { lookMs: 1, quietMs: 0 };
    expect(await unreadByEnd({ adminUrl }, { sentInAll: 100, refused: 10 }, timing)).toBe(0);
    expect(asked).toBe(3);
    expect(await unreadByEnd({ adminUrl }, { sentInAll: 100, refused: 0 }, timing)).toBe(10);
  });
});
