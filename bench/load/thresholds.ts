/** What the hub sets out to reach, as ratios to other peers of the same session wherever the host's speed matters. */
import type { Result } from './results.ts';

export interface Verdict {
  readonly shape: string;
  /** What was compared. */
  readonly figure: string;
  readonly value: number;
  readonly limit: number;
  readonly unit: string;
  /** Reached, and known to be. */
  readonly ok: boolean;
  /** Why a latency says nothing: the generator was the limit. */
  readonly doubt?: string;
}

/** As the load asks for it. */
const WALL_EVERY_MS = 1000;
const HUB = 'dat';
const LEAN = 'uws-lean';
const NO_HISTORY = 'dat-no-history';
/** Asks for more than a host can send, alone or in bursts. What is refused in part, with notice, is no fault there. */
const OVERLOADS = ['hot-10k', 'hot-10k-bursts'];

/** The hub, whatever its settings and encodings, alone or as a cluster. */
export const isHub = (peer: string): boolean => peer === HUB || peer.startsWith(`${HUB}-`);

/** CPU of the hub over that of another peer. */
const cpuLimits: readonly { shape: string; than: string; limit: number }[] = [
  { shape: 'board', than: LEAN, limit: 1 / 2 },
  { shape: 'pairs', than: LEAN, limit: 1.15 },
  { shape: 'pairs-bursts', than: LEAN, limit: 1.05 },
  { shape: 'hot', than: LEAN, limit: 1 },
  { shape: 'board', than: 'ws', limit: 1 / 4 },
  { shape: 'board', than: 'socket.io', limit: 1 / 8 },
];
/** Peers that the hub means to be ahead of on every load with events that they both play. */
const aheadOf = ['ws', 'socket.io', 'mosquitto', 'nats-server'];

/** The hub and a broker that play the same packets, and how much CPU the hub may take, over the broker's. */
const mqttPairs: readonly { hub: string; broker: string; limits: Readonly<Record<string, number>> }[] = [
  {
    hub: 'dat-mqtt-ws',
    broker: 'mosquitto-ws',
    limits: { board: 0.5, pairs: 1, hot: 1, unwatched: 1 },
  },
  { hub: 'dat-mqtt', broker: 'mosquitto', limits: { board: 0.5, pairs: 2.2, hot: 2.2, unwatched: 2.2 } },
];
const MQTT_IDLE = 'idle-10k';
const MQTT_IDLE_LIMIT = 2;

export function judge(results: readonly Result[]): Verdict[] {
  const verdicts: Verdict[] = [];
  const of = (shape: string, peer: string): Result | undefined =>
    results.find((result) => result.shape === shape && result.peer === peer);
  const atMost = (
    shape: string,
    figure: string,
    value: number | undefined,
    limit: number,
    unit: string,
  ): void => {
    if (value !== undefined) verdicts.push({ shape, figure, value, limit, unit, ok: value <= limit });
  };
  /** The same for a latency, which only a generator that kept up tells. @param peers whose latencies it is of */
  const soonerThan = (
    shape: string,
    figure: string,
    value: number | undefined,
    limit: number,
    unit: string,
    peers: readonly string[] = [HUB],
  ): void => {
    const doubt = peers.flatMap((peer) => of(shape, peer)?.generatorLimits ?? [])[0];
    if (doubt === undefined || value === undefined) atMost(shape, figure, value, limit, unit);
    else verdicts.push({ shape, figure, value, limit, unit, ok: false, doubt });
  };
  const cpuRatio = (shape: string, than: string, name = HUB): number | undefined => {
    const [hub, other] = [of(shape, name), of(shape, than)];
    return hub && other && other.cpuUs > 0 ? hub.cpuUs / other.cpuUs : undefined;
  };
  for (const { shape, than, limit } of cpuLimits) {
    const per = of(shape, HUB)?.per ?? '';
    atMost(shape, `CPU per ${per}, over ${than}'s`, cpuRatio(shape, than), limit, '×');
  }
  const withEvents = results.filter(({ per }) => per !== 'connection');
  for (const shape of new Set(withEvents.map((result) => result.shape))) {
    for (const than of aheadOf) {
      if (cpuLimits.some((known) => known.shape === shape && known.than === than)) continue;
      atMost(shape, `CPU, over ${than}'s`, cpuRatio(shape, than), 1, '×');
    }
  }
  soonerThan('board', 'p99', of('board', HUB)?.latencyMs.p99, 10, 'ms');
  const [thin, leanThin] = [of('thin', HUB), of('thin', LEAN)];
  if (thin && leanThin) {
    const ratio = thin.latencyMs.p50 / leanThin.latencyMs.p50;
    soonerThan('thin', `p50, over ${LEAN}'s`, ratio, 1.5, '×', [HUB, LEAN]);
  }
  soonerThan('thin', 'p99', thin?.latencyMs.p99, 2, 'ms');
  soonerThan(
    'mixed',
    'p99 beside slow readers, over that without',
    of('mixed', HUB)?.disturbedP99Ratio,
    1.2,
    '×',
  );
  const [unkept, leanUnkept] = [of('unwatched', NO_HISTORY), of('unwatched', LEAN)];
  if (unkept && leanUnkept)
    atMost('unwatched', `without history, CPU over ${LEAN}'s`, unkept.cpuUs / leanUnkept.cpuUs, 0.9, '×');
  for (const shape of ['unwatched', 'board', 'pairs', 'hot']) {
    const limit = shape === 'unwatched' ? 1.2 : 1.08;
    atMost(shape, 'CPU with history, over that without', cpuRatio(shape, NO_HISTORY), limit, '×');
  }
  const [wall, wallLive] = [of('wall', HUB), of('wall-live', HUB)];
  if (wall && wallLive)
    atMost('wall', 'CPU, over that of every event', wall.cpuUs / wallLive.cpuUs, 1 / 5, '×');
  soonerThan('wall', 'p99', wall?.latencyMs.p99, WALL_EVERY_MS + 50, 'ms');
  const replay = of('replay', HUB);
  soonerThan('replay', 'p99 beside replays, over that without', replay?.disturbedP99Ratio, 1.5, '×');
  if (replay?.replayedCpuUs !== undefined && replay.deliveriesPerSecond > 0) {
    const perDelivery = (replay.cpuUs * replay.eventsPerSecond) / replay.deliveriesPerSecond;
    atMost(
      'replay',
      "CPU per replayed event, over a live delivery's",
      replay.replayedCpuUs / perDelivery,
      1,
      '×',
    );
  }
  const filter = of('filter', HUB);
  soonerThan('filter', 'p99 beside the filter, over that without', filter?.disturbedP99Ratio, 1.5, '×');
  soonerThan('filter', 'until the filter is answered', filter?.filterMs, 2000, 'ms');
  soonerThan('vip', "vips' p99, over the others'", of('vip', HUB)?.vipP99Ratio, 1 / 2, '×');
  soonerThan('churn', 'p99 beside churn, over that without', of('churn', HUB)?.disturbedP99Ratio, 1.5, '×');
  const [idle, leanIdle] = [of('idle', HUB), of('idle', LEAN)];
  if (idle && leanIdle) {
    const ratio = idle.rssBytesPerConnection / leanIdle.rssBytesPerConnection;
    atMost('idle', `resident bytes per connection, over ${LEAN}'s`, ratio, 1.2, '×');
  }
  for (const { hub, broker, limits } of mqttPairs) {
    for (const [shape, limit] of Object.entries(limits))
      atMost(shape, `${hub}: CPU, over ${broker}'s`, cpuRatio(shape, broker, hub), limit, '×');
    soonerThan('board', `${hub}: p99`, of('board', hub)?.latencyMs.p99, 10, 'ms', [hub]);
    const [hubIdle, brokerIdle] = [of(MQTT_IDLE, hub), of(MQTT_IDLE, broker)];
    if (hubIdle && brokerIdle) {
      const ratio = hubIdle.rssBytesPerConnection / brokerIdle.rssBytesPerConnection;
      const figure = `${hub}: resident bytes per connection, over ${broker}'s`;
      atMost(MQTT_IDLE, figure, ratio, MQTT_IDLE_LIMIT, '×');
    }
  }
  for (const result of results.filter(({ peer }) => isHub(peer))) {
    const { shape, peer, lost, refused = 0, duplicated, disordered, connectionsLost } = result;
    const whose = peer === HUB ? '' : `${peer}: `;
    if (OVERLOADS.includes(shape))
      atMost(shape, `${whose}events doubled or out of order`, duplicated + disordered, 0, '');
    else {
      const wrong = lost + refused + duplicated + disordered + connectionsLost;
      const figure = `${whose}events lost, refused, doubled or out of order, readers cut off`;
      atMost(shape, figure, wrong, 0, '');
    }
  }
  return verdicts;
}
