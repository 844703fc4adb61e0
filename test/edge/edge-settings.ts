/** Settings of an edge whose peers pay nothing; a test names those that it is about. */
import type { EdgeSettings } from '../../src/edge/edge-deps.ts';

export const edgeSettings: EdgeSettings = {
  pingIntervalMs: 25_000,
  maxMessageBytes: 65_536,
  sendQueueBytes: 256 * 1024,
  sendQueueMaxBytes: 1024 * 1024,
  sendQueuesTotalBytes: 0,
  subscriberActivity: 'pong',
  firstFrameTimeoutMs: 0,
  subscriberRate: 0,
  subscriberBurst: 0,
  deviceRate: 0,
  deviceBurst: 0,
  historyEvents: 100,
  historyTtlMs: 3_600_000,
  subscriberRemoveAfterMs: 300_000,
  mqttKeepAliveMaxMs: 0,
  maxDevicesPerGateway: 10,
  interestLingerMs: 5000,
};
