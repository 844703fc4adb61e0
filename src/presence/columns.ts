/**
 * The picture of the presence table: three slabs, one row each per device, per subscriber and per subscription.
 * Cells that another thread reads are stored and loaded with Atomics unless noted; see `table.ts` for how a reader
 * gets a row that belongs together.
 */
import { bytesPerRow, f64, i64, u8, u16, u32 } from '../memory/layout.ts';

/** Slot or session that names nothing. */
export const NONE = 0xffffffff;

/** Who numbers a device's events: this node, nobody until its claim is settled, or another node if any. */
export const Numbering = { here: 0, claimed: 1, elsewhere: 2 } as const;

/** Who made a subscriber a vip: its row's `vip` holds the sum. */
export const Vip = { operator: 1, token: 2 } as const;

// Stryker disable StringLiteral: units and writers are there to be read

/** One row per device that is connected, followed, pinned by an operator, or recently was. */
export const deviceColumns = {
  lastSeen: i64('monotonic ms, 0 never', 'session holder'), // the owner's while it is not connected
  seq: f64('count of broadcast events', 'owner'), // plain: an aligned 8-byte cell is written whole on 64-bit hosts
  // Where the device's kept events are in the history log. Plain like `seq`: a reader checks the record that it finds
  // (slot, generation, position), not the cell.
  keptAt: f64('history position of the newest event kept; it may be gone, 0 none', 'owner'),
  messageAt: f64('history position of the newest message, 0 none', 'owner'),
  statusAt: f64('history position of the newest status that the device sent, 0 none', 'owner'),
  keptSeq: f64('seq of the newest event that history was to keep', 'owner'),
  epoch: f64('random, another whenever the numbering starts anew', 'owner'), // plain, as seq
  keptCount: u32('count of kept events in the log', 'owner'),
  connectedAt: f64('wall-clock ms, of the connection that `session` names', 'owner'), // plain, as seq
  id: u32('arena chunk', 'owner'),
  deviceStatus: u32('arena chunk, 0 none', 'owner'),
  gateway: u32('arena chunk of the id of the gateway that it is connected by, 0 none', 'owner'),
  session: u32('session, NONE when not connected', 'owner'),
  firstRow: u32('subscription slot', 'owner'),
  holders: u32("count of subscriptions that are not only a filter's", 'owner'),
  waiting: u32('count of subscriptions whose subscriber is disconnected', 'owner'),
  active: u32('count of subscriptions', 'owner'),
  inactive: u32('count of subscriptions', 'owner'),
  allow: u32('count of subscriptions', 'owner'),
  deny: u32('count of subscriptions', 'owner'),
  version: u16('odd while the row is being written', 'owner'),
  peers: u16('count of other nodes among `active`', 'owner'),
  generation: u16('count, bumped on free', 'owner'),
  home: u8('Home, always here without a cluster', 'owner'),
  deviceState: u8('DeviceState, 0 free', 'owner'),
  stateReason: u8('StateReason of the state', 'owner'),
  wantsInterest: u8('1 while the connected device wants to know whether anybody listens', 'owner'),
  known: u8('1 once the device has connected, or an operator has published for it', 'owner'),
};

/** One row per subscriber that is connected or has subscriptions. */
export const subscriberColumns = {
  lastSeen: i64('monotonic ms, 0 never', 'session holder'), // as a device's
  id: u32('arena chunk', 'owner'),
  session: u32('session, NONE when not connected', 'owner'),
  firstRow: u32('subscription slot', 'owner'),
  firstFilter: u32('filter slot', 'owner'),
  rowCount: u32('count of subscriptions', 'owner'),
  version: u16('odd while the row is being written', 'owner'),
  generation: u16('count, bumped on free', 'owner'),
  edge: u8('edge that holds, or last held, the session', 'owner'),
  vip: u8('bits of Vip, 0 none', 'owner'),
  silent: u8('1 while its silence is on record', 'owner'),
  filterCount: u8('count of filters', 'owner'),
  used: u8('1 while the row is in use', 'owner'),
};

/** One row per device × subscriber. */
export const subscriptionColumns = {
  device: u32('device slot', 'owner'),
  subscriber: u32('subscriber slot', 'owner'),
  nextOfDevice: u32('subscription slot', 'owner'), // the links are the owner's alone: readers scan by slot
  prevOfDevice: u32('subscription slot', 'owner'),
  nextOfSubscriber: u32('subscription slot', 'owner'),
  prevOfSubscriber: u32('subscription slot', 'owner'),
  generation: u16('count, bumped on free', 'owner'),
  rowState: u8("RowState, 0 free, bit 7: granted, bit 6: only a filter's", 'owner'),
  types: u8('bits of the event types that are delivered', 'owner'),
  ownTypes: u8('bits of the event types that the subscription by id asks for', 'owner'),
};

/** One row per filter of a subscriber. */
export const filterColumns = {
  subscriber: u32('subscriber slot', 'owner'),
  prefix: u32('arena chunk, 0 for the empty prefix', 'owner'),
  nextOfSubscriber: u32('filter slot', 'owner'),
  prevOfSubscriber: u32('filter slot', 'owner'),
  generation: u16('count, bumped on free', 'owner'),
  state: u8('RowState, 0 free', 'owner'),
  types: u8('bits of the event types that are delivered', 'owner'),
  unfinished: u8('bits of Unfinished, 0 none', 'owner'),
};

// Stryker restore StringLiteral

/** Bytes a row may take beside its id and its timer; the bench prints what a device takes in all. */
const limits = [
  [deviceColumns, 124],
  [subscriberColumns, 64],
  [subscriptionColumns, 32],
  [filterColumns, 24],
] as const;

for (const [columns, bytes] of limits) {
  // Stryker disable next-line all: at load, of the columns above
  if (bytesPerRow(columns) > bytes)
    throw new Error(`a row of ${Object.keys(columns)} takes more than ${bytes} bytes`);
}
