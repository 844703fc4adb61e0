/** Settings of the group Presence: how long a silence makes a peer inactive, stale, offline or removed. */
import { oneOf, wholeNumber } from '../kinds.ts';
import { row, spanMs, spanMsOrZero } from '../row.ts';

export const presenceRows = {
  subscriberActivity: row({
    kind: oneOf('pong', 'frame'),
    default: 'pong',
    group: 'Presence',
    reloadable: true,
    meaning:
      'What counts as activity of a subscriber. `pong`: any frame, including WebSocket pongs, so a ' +
      'connected subscriber stays active. `frame`: data frames only, so a subscriber that sends nothing ' +
      'becomes inactive.',
  }),
  subscriberInactiveAfterMs: row({
    kind: spanMs,
    default: 60_000,
    group: 'Presence',
    meaning:
      'A subscriber that is silent for this long becomes inactive and gets no events. Keep it above ' +
      '`DAT_PING_INTERVAL_MS`; otherwise subscribers become inactive between two pings.',
  }),
  subscriberRemoveAfterMs: row({
    kind: spanMs,
    default: 300_000,
    group: 'Presence',
    meaning:
      'Subscriptions of a subscriber that is silent for this long are removed. One that lost its connection ' +
      'and comes back within this time keeps them. Set it above `DAT_SUBSCRIBER_INACTIVE_AFTER_MS`; otherwise ' +
      'subscriptions are removed without becoming inactive first.',
  }),
  deviceStaleAfterMs: row({
    kind: spanMs,
    default: 60_000,
    group: 'Presence',
    meaning: 'A connected device that is silent for this long becomes stale.',
  }),
  deviceLeaveGraceMs: row({
    kind: spanMsOrZero,
    default: 15_000,
    group: 'Presence',
    meaning:
      'Leave grace: how long the hub waits after an unclean disconnect before it calls the device ' +
      'offline. If the device returns in time, nothing is broadcast. 0 means offline at once.',
  }),
  interestLingerMs: row({
    kind: spanMsOrZero,
    default: 5000,
    group: 'Presence',
    meaning:
      'Time without listeners after which the hub says so to a device that connected with `?interest=true`. ' +
      '0 means at once.',
  }),
  deviceRemoveAfterMs: row({
    kind: spanMsOrZero,
    default: 300_000,
    group: 'Presence',
    meaning:
      'An offline device is removed after this, if it has no subscription and no operator has set a pair ' +
      'of it. 0 removes it at once.',
  }),
  pingIntervalMs: row({
    kind: wholeNumber(10, 3_600_000, 'ms'),
    default: 25_000,
    group: 'Presence',
    meaning:
      "Interval of the hub's WebSocket pings to every peer. A peer that sends nothing for this interval " +
      'plus 10 seconds is closed with 4201.',
  }),
  mqttKeepAliveMaxMs: row({
    kind: wholeNumber(0, 65_535_000, 'ms'),
    default: 0,
    group: 'Presence',
    reloadable: true,
    meaning:
      'Longest keep-alive of MQTT 5 clients, rounded up to seconds. Clients that ask for a longer one, or for none, get ' +
      'this one as Server Keep Alive, and their connections end after 1.5 times as much silence. Clients of 3.1.1, ' +
      'which has no Server Keep Alive, keep their own. 0 means that every client keeps its own.',
  }),
} as const;
