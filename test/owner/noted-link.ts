/**
 * A link to an edge that notes what it is told, as lines of text: sessions as `count@edge`, devices and filters with the
 * state or the number that stands beside them. No assertions.
 */
import type { CloseEntry } from '../../src/codes.ts';
import type { RecordViews } from '../../src/memory/ring.ts';
import type { EdgeLink } from '../../src/owner/edge-link.ts';
import type { Registry } from '../../src/owner/registry.ts';
import { rowStateNames } from '../../src/presence/lifecycle.ts';
import { EventField } from '../../src/records/event.ts';
import {
  type FilterEntry,
  Notice,
  Refusal,
  type RefusedDevice,
  readEntries,
} from '../../src/records/replies.ts';
import { edgeOf } from '../../src/records/sessions.ts';
import { ALL_TYPES, eventTypeNames } from '../../src/wire/events.ts';

const nameIn = (names: Readonly<Record<string, number>>, wanted: number): string =>
  Object.keys(names).find((name) => names[name] === wanted)!;

/** A session as it stands in the lines: `count@edge`. */
export const nameOfSession = (session: number): string => `${session >>> 6}@${edgeOf(session)}`;

type Methods = Pick<
  EdgeLink,
  | 'joined'
  | 'close'
  | 'registered'
  | 'left'
  | 'release'
  | 'interest'
  | 'probe'
  | 'ack'
  | 'answer'
  | 'notice'
  | 'filterPage'
  | 'attach'
  | 'detach'
  | 'vip'
  | 'resync'
  | 'seq'
  | 'resynced'
  | 'event'
  | 'gap'
  | 'holdsBack'
>;

const entriesOf = (page: Uint8Array): string[] =>
  readEntries(page).map(({ device, rowState }) => `${device}=${rowStateNames[rowState]}`);
const filtersOf = (filters: readonly FilterEntry[]): string[] =>
  filters.map(({ filter, value }) => `${filter}=${value}`);
const flag = (name: string, isSet: boolean): string[] => (isSet ? [name] : []);

/** What an event says: of the hub its text, of others the type and the text. */
function eventText({ u8, u16, u32 }: RecordViews, offset: number): string {
  const status = u16[(offset + EventField.statusBytes) >> 1]!;
  const start = offset + EventField.body + status;
  const text = (from: number, length: number): string =>
    Buffer.from(u8.subarray(from, from + length)).toString();
  const payload = text(start, u32[(offset + EventField.payloadBytes) >> 2]!);
  return [eventTypeNames[u8[offset + EventField.type]!], text(start - status, status), payload]
    .filter((part) => part !== '')
    .join(' ');
}

/** A link whose ring can be full or behind. */
export class NotedLink implements Methods {
  /** Events are refused. */
  isFull = false;
  /** Pages are to wait. */
  isBehind = false;
  readonly #registry: Registry;
  readonly #lines: string[];

  constructor(registry: Registry, lines: string[]) {
    this.#registry = registry;
    this.#lines = lines;
  }

  /** As what the parts of the owner take. */
  get link(): EdgeLink {
    return this as unknown as EdgeLink;
  }

  #note(verb: string, session: number, ...details: string[]): void {
    this.#lines.push([verb, nameOfSession(session), ...details].join(' '));
  }

  joined(
    session: number,
    slot: number,
    vip = false,
    resumed: Uint8Array = new Uint8Array(0),
    more = false,
    filters: readonly FilterEntry[] = [],
  ): void {
    const rest = [...flag('vip', vip), ...entriesOf(resumed), ...filtersOf(filters), ...flag('more', more)];
    this.#note('joined', session, `slot-${slot}`, ...rest);
  }

  close(session: number, { code }: CloseEntry): void {
    this.#note('close', session, String(code));
  }

  registered(session: number, _id: string, kept: string | undefined): void {
    this.#note('registered', session, String(kept));
  }

  left(session: number): void {
    this.#note('left', session);
  }

  release(session: number): void {
    this.#note('release', session);
  }

  interest(session: number): void {
    this.#note('interest', session);
  }

  probe(session: number): void {
    this.#note('probe', session);
  }

  ack(session: number, seq: number, skipped: boolean, id: Uint8Array): void {
    this.#note('ack', session, Buffer.from(id).toString(), String(seq), ...flag('skipped', skipped));
  }

  answer(
    { session, request }: { readonly session: number; readonly request: number },
    entries: Uint8Array,
    refused: readonly RefusedDevice[],
    more: boolean,
    filters: readonly FilterEntry[] = [],
  ): void {
    const refusals = refused.map(({ device, why }) => `${device}!${nameIn(Refusal, why)}`);
    const rest = [...entriesOf(entries), ...refusals, ...filtersOf(filters), ...flag('more', more)];
    this.#note('answer', session, String(request), ...rest);
  }

  notice(
    session: number,
    notice: Notice,
    entries: Uint8Array,
    more: boolean,
    filters: readonly FilterEntry[] = [],
  ): void {
    const rest = [...entriesOf(entries), ...filtersOf(filters), ...flag('more', more)];
    this.#note('notice', session, nameIn(Notice, notice), ...rest);
  }

  filterPage(
    session: number,
    filter: string,
    entries: Uint8Array,
    page: number,
    more: boolean,
    waits = false,
  ): void {
    const rest = [...flag('more', more), ...flag(`waits-${page}`, waits)];
    this.#note('page', session, filter, ...entriesOf(entries), ...rest);
  }

  attach(session: number, _device: number, id: string, seq: number, types = ALL_TYPES): void {
    this.#note('attach', session, id, String(seq), ...flag(`types-${types}`, types !== ALL_TYPES));
  }

  detach(session: number, device: number): void {
    this.#note('detach', session, this.#registry.deviceId(device));
  }

  vip(session: number, vip: boolean): void {
    this.#note('vip', session, String(vip));
  }

  resync(): void {
    this.#lines.push('resync');
  }

  seq(device: number, seq: number): void {
    this.#lines.push(`seq ${this.#registry.deviceId(device)} ${seq}`);
  }

  resynced(): void {
    this.#lines.push('resynced');
  }

  event(views: RecordViews, offset: number, _bytes: number, device: number, seq: number): boolean {
    if (this.isFull) return false;
    this.#lines.push(`event ${this.#registry.deviceId(device)} ${seq} ${eventText(views, offset)}`);
    return true;
  }

  gap(device: number, from: number, to: number): void {
    this.#lines.push(`gap ${this.#registry.deviceId(device)} ${from} ${to}`);
  }

  holdsBack(): boolean {
    return this.isBehind;
  }
}
