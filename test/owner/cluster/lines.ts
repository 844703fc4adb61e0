/** What the owner says, as lines: to the cluster link, and to the edges that hold devices and subscribers. No assertions. */
import { Level } from '../../../src/cluster/records.ts';
import type { RingConsumer } from '../../../src/memory/ring.ts';
import { deviceStateNames, rowStateNames } from '../../../src/presence/lifecycle.ts';
import type { PresenceReader } from '../../../src/presence/reader.ts';
import { toLink } from '../../../src/records/cluster.ts';
import { EventField, eventBytes } from '../../../src/records/event.ts';
import type { RecordLayout } from '../../../src/records/layout.ts';
import {
  FromOwnerRecord,
  GapReason,
  Notice,
  readAck,
  readAnswer,
  readAttach,
  readClosed,
  readDeferred,
  readDetach,
  readEntries,
  readFilterPage,
  readFilters,
  readGap,
  readInterest,
  readJoined,
  readNotice,
  readProbe,
  readRefusals,
  readVip,
} from '../../../src/records/replies.ts';
import { epochName } from '../../../src/wire/events.ts';

/** A record of the owner's to the link: its name, and of these fields those that it has. */
export interface LinkValues {
  readonly is: string;
  readonly id?: string;
  readonly kind?: number;
  readonly level?: number;
  readonly holds?: boolean;
  readonly since?: boolean;
  readonly epoch?: string;
  readonly seq?: number;
  readonly prefix?: string;
  readonly peer?: number;
  readonly request?: number;
  readonly start?: number;
  readonly state?: number;
  readonly why?: number;
  readonly terminated?: boolean;
  readonly revision?: number;
  readonly before?: number;
  readonly max?: number;
  readonly number?: number;
  readonly from?: number;
  readonly to?: number;
  readonly reason?: number;
  readonly part?: Uint8Array;
  readonly slot?: number;
}

const layouts: readonly (readonly [string, RecordLayout<Record<string, never>>])[] = Object.entries(
  toLink,
) as never;
const kinds = ['device', 'subscriber', 'gateway'];
const nameOf = (names: Readonly<Record<string, number>>, value: unknown): string =>
  Object.keys(names).find((name) => names[name] === value) ?? String(value);

/** The record of the owner's to the link at this offset; an event has its own name. */
export function readToLink({ kind, views }: RingConsumer, offset: number): LinkValues {
  const found = layouts.find(([, layout]) => layout.kind === kind);
  if (found !== undefined) return { is: found[0], ...found[1].read(views, offset) };
  if (kind === FromOwnerRecord.Gap) return { is: 'gap', ...readGap(views, offset) };
  if (kind === FromOwnerRecord.Event)
    return {
      is: 'event',
      slot: views.u32[(offset + EventField.device) >> 2]!,
      seq: views.f64[(offset + EventField.seq) >> 3]!,
    };
  return { is: nameOf(FromOwnerRecord, kind) };
}

/** @param v what `readToLink` gave */
export function lineToLink(v: LinkValues): string {
  const after = v.since === true ? ` after ${v.epoch} ${v.seq}` : '';
  switch (v.is) {
    case 'want':
      return `want ${v.id} ${nameOf(Level, v.level)}${v.holds === true ? ' held' : ''}${after}`;
    case 'unwant':
      return `unwant ${v.id}`;
    case 'filter':
    case 'unfilter':
      return `${v.is} ${v.prefix}*`;
    case 'followed':
      return (
        `followed ${v.id} by ${v.peer} request ${v.request} ${nameOf(Level, v.level)} ` +
        `${v.start}-${v.seq} of ${v.epoch} ${deviceStateNames[v.state as 0]}`
      );
    case 'unfollowed':
      return `unfollowed ${v.id} by ${v.peer} request ${v.request} why ${v.why}`;
    case 'removed':
      return `removed ${v.id}${v.terminated === true ? ' terminated' : ''}`;
    case 'kicked':
      return `kicked ${v.id} ${v.number}`;
    case 'applied':
      return `applied ${v.revision}`;
    case 'askPast':
      return `askPast ${v.request} ${v.id} of ${v.epoch} before ${v.before} max ${v.max}`;
    case 'surrendered':
      return `surrendered ${kinds[v.kind as 0]} ${v.id} ${v.seq}`;
    case 'gap':
      return `gap ${v.from}-${v.to} ${nameOf(GapReason, v.reason)}`;
    case 'event':
      return `event ${v.seq}`;
    case 'Resynced':
      return 'resynced';
    default:
      return `${v.is} ${kinds[v.kind as 0]} ${v.id}`;
  }
}

/** Entries as `dev-1 online #5 of abc active`, with the device's own status behind it. */
export function entryLines(bytes: Uint8Array): string[] {
  return readEntries(bytes).map(({ device, deviceState, seq, epoch, rowState, deviceStatus }) => {
    const status = deviceStatus === '' ? '' : ` "${deviceStatus}"`;
    const row = rowStateNames[rowState as 0];
    return `${device} ${deviceStateNames[deviceState as 0]} #${seq} of ${epochName(epoch)} ${row}${status}`;
  });
}

const filterLines = (text: string): string[] =>
  readFilters(text).map(({ filter, value }) => `${filter}=${value}`);
const joinLines = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ');

/** What an edge was told at this offset; '' where no test wants to know. @param who names a session */
export function lineToEdge(
  { kind, views }: RingConsumer,
  offset: number,
  { reader, who }: { readonly reader: PresenceReader; readonly who: (session: number) => string },
): string {
  const device = (slot: number): string => reader.device(slot)?.device ?? `slot ${slot}`;
  switch (kind) {
    case FromOwnerRecord.Event: {
      const body = offset + EventField.body + views.u16[(offset + EventField.statusBytes) >> 1]!;
      const payload = Buffer.from(views.u8.slice(body, offset + eventBytes(views, offset))).toString();
      const seq = views.f64[(offset + EventField.seq) >> 3];
      return `${device(views.u32[(offset + EventField.device) >> 2]!)} #${seq} ${payload}`;
    }
    case FromOwnerRecord.Gap: {
      const { device: slot, from, to, reason } = readGap(views, offset);
      return `gap ${device(slot)} ${from}-${to} ${nameOf(GapReason, reason)}`;
    }
    case FromOwnerRecord.Joined: {
      const { session, resumed, filters, vip } = readJoined(views, offset);
      const kept = [...entryLines(resumed), ...filterLines(filters)].join('; ');
      return joinLines(`joined ${who(session)}`, vip ? 'vip' : '', kept && `with ${kept}`);
    }
    case FromOwnerRecord.Closed: {
      const { session, code } = readClosed(views, offset);
      return `closed ${who(session)} ${code}`;
    }
    case FromOwnerRecord.Ack: {
      const { session, seq, skipped } = readAck(views, offset);
      return `ack ${who(session)} #${seq}${skipped ? ' skipped' : ''}`;
    }
    case FromOwnerRecord.Answer: {
      const { session, request, entries, refusals, filters } = readAnswer(views, offset);
      const refused = readRefusals(refusals).map((one) => `!${one.device}`);
      const parts = [...entryLines(entries), ...filterLines(filters), ...refused].join('; ');
      return joinLines(`answer ${who(session)} ${request}`, parts && `: ${parts}`);
    }
    case FromOwnerRecord.Deferred: {
      const { session, request } = readDeferred(views, offset);
      return `deferred ${who(session)} ${request}`;
    }
    case FromOwnerRecord.Notice: {
      const { session, notice, entries, filters } = readNotice(views, offset);
      const parts = [...entryLines(entries), ...filterLines(filters)].join('; ');
      return joinLines(`${nameOf(Notice, notice)} ${who(session)}`, parts && `: ${parts}`);
    }
    case FromOwnerRecord.FilterPage: {
      const { session, filter, entries } = readFilterPage(views, offset);
      return joinLines(`page ${who(session)} ${filter}`, entryLines(entries).join('; '));
    }
    case FromOwnerRecord.Attach: {
      const { session, id, seq } = readAttach(views, offset);
      return `attach ${who(session)} ${id} after ${seq}`;
    }
    case FromOwnerRecord.Detach: {
      const { session, device: slot } = readDetach(views, offset);
      return `detach ${who(session)} ${device(slot)}`;
    }
    case FromOwnerRecord.Vip: {
      const { session, vip } = readVip(views, offset);
      return `vip ${who(session)} ${vip}`;
    }
    case FromOwnerRecord.Probe:
      return `probe ${who(readProbe(views, offset).session)}`;
    case FromOwnerRecord.Interest:
      return `interest ${who(readInterest(views, offset).session)}`;
    default:
      return '';
  }
}
