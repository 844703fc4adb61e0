/**
 * The picture of the presence table: three slabs, one row each per device, per subscriber and per subscription.
 * Cells that another thread reads are stored and loaded with Atomics unless noted; see `table.ts` for how a reader
 * gets a row that belongs together.
 */
import { bytesPerRow, f64, i64, u8, u16, u32 } from '../memory/layout.ts';

/** Slot or session that names nothing. */
export const NONE = 0xffffffff;

/** Who made a subscriber a vip: its row's `vip` holds the sum. */
export const Vip = { operator: 1, token: 2 } as const;

/** One row per device that is connected, followed, pinned by an operator, or recently was. */
export const deviceColumns = {
  lastSeen: i64('monotonic ms, 0 never', 'main'),
  seq: f64('count of broadcast events', 'owner'), // plain: an aligned 8-byte cell is written whole on 64-bit hosts
  // Where the device's kept events are in the history log. Plain like `seq`: a reader checks the record that it finds
  // (slot, generation, position), not the cell.
  keptAt: f64('history position of the newest event kept; it may be gone, 0 none', 'owner'),
  messageAt: f64('history position of the newest message, 0 none', 'owner'),
  statusAt: f64('history position of the newest status that the device sent, 0 none', 'owner'),
  keptSeq: f64('seq of the newest event that history was to keep', 'owner'),
  keptCount: u32('count of kept events in the log', 'owner'),
  id: u32('arena chunk', 'owner'),
  deviceStatus: u32('arena chunk, 0 none', 'owner'),
  session: u32('ingest session, NONE when not connected', 'owner'),
  firstRow: u32('subscription slot', 'owner'),
  active: u32('count of subscriptions', 'owner'),
  inactive: u32('count of subscriptions', 'owner'),
  allow: u32('count of subscriptions', 'owner'),
  deny: u32('count of subscriptions', 'owner'),
  version: u16('odd while the row is being written', 'owner'),
  generation: u16('count, bumped on free', 'owner'),
  deviceState: u8('DeviceState, 0 free', 'owner'),
};

/** One row per subscriber that is connected or has subscriptions. */
export const subscriberColumns = {
  lastSeen: i64('monotonic ms, 0 never', 'session holder'), // the owner's while nobody is connected
  id: u32('arena chunk', 'owner'),
  session: u32('fan-out session, NONE when not connected', 'owner'),
  firstRow: u32('subscription slot', 'owner'),
  rowCount: u32('count of subscriptions', 'owner'),
  version: u16('odd while the row is being written', 'owner'),
  generation: u16('count, bumped on free', 'owner'),
  worker: u8('fan-out worker', 'owner'),
  vip: u8('bits of Vip, 0 none', 'owner'),
  silent: u8('1 while its silence is on record', 'owner'),
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
  rowState: u8('RowState, 0 free, bit 7: granted', 'owner'),
};

/** Bytes a row may take beside its id and its timer; the bench prints what a device takes in all. */
const limits = [
  [deviceColumns, 96],
  [subscriberColumns, 64],
  [subscriptionColumns, 28],
] as const;

for (const [columns, bytes] of limits) {
  if (bytesPerRow(columns) > bytes)
    throw new Error(`a row of ${Object.keys(columns)} takes more than ${bytes} bytes`);
}
