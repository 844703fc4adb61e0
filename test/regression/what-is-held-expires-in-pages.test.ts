/**
 * What a subscriber holds waits, and expires, as a whole: while its peer reads page after page, silence and activity set
 * in, and each of them used to end what was under way.
 */
import { describe, expect, it } from 'vitest';
import { nameOfSession as name } from '../owner/noted-link.ts';
import { OwnerParts, type PartsOptions } from '../owner/owner-parts.ts';

const SILENT_MS = 60_000;
const REMOVED_MS = 300_000;
const names = ['dev-1', 'dev-2', 'dev-3'];

class Holder {
  readonly parts: OwnerParts;
  session: number;

  /** A subscriber of three devices, one to a page. */
  constructor(options: PartsOptions = {}) {
    this.parts = new OwnerParts({ pageBytes: 1, ...options });
    this.session = this.parts.subscriber('s');
    this.parts.ask(this.session, 'subscribe', names);
  }

  /** It was lost for so long and holds what it kept. @param pages of them that it reads */
  static after(lostForMs: number, pages: number): Holder {
    const holder = new Holder();
    holder.parts.subscribers.leave(holder.session);
    holder.parts.pass(lostForMs);
    holder.comeBack();
    holder.read(pages);
    return holder;
  }

  comeBack(edge = 0): void {
    this.session = this.parts.subscriber('s', { hold: true, edge });
  }

  /** Its peer has read so many pages. @returns what it was told, without attach and detach */
  read(pages = 1): string[] {
    for (let page = 0; page < pages; page++) {
      this.parts.subscribers.more(this.session, 0);
      this.parts.step();
    }
    return this.parts.told().filter((line) => line.startsWith('notice') || line.startsWith('joined'));
  }

  hear(): void {
    this.parts.heard(this.session);
    this.parts.subscribers.heard(this.session);
  }

  get states(): string[] {
    return [...names, 'new'].map((device) => this.parts.status(device, 's'));
  }
}

describe('what is held and not asked for', () => {
  it('goes page by page, though its subscriber falls silent meanwhile', () => {
    const holder = Holder.after(REMOVED_MS - SILENT_MS, 2);
    holder.parts.pass(SILENT_MS + 20);
    expect(holder.states.filter((state) => state === 'disconnected')).toHaveLength(2);
    const notice = `notice ${name(holder.session)} inactiveTooLong`;
    expect(holder.read(2)).toEqual([
      `${notice} dev-3=none more`,
      `${notice} dev-2=none more`,
      `${notice} dev-1=none`,
    ]);
    expect(holder.states).toEqual(['none', 'none', 'none', 'none']);
  });

  it('goes before what its subscriber follows is silent', () => {
    const holder = Holder.after(REMOVED_MS - SILENT_MS, 2);
    holder.parts.ask(holder.session, 'subscribe', ['new']);
    holder.parts.told();
    holder.parts.pass(SILENT_MS + 20);
    expect(holder.states[3]).toBe('active');
    expect(holder.read(2).at(-1)).toBe(`notice ${name(holder.session)} silent new=silent`);
    expect(holder.states).toEqual(['none', 'none', 'none', 'silent']);
  });

  it('goes, though its subscriber is heard after silence meanwhile', () => {
    const holder = Holder.after(REMOVED_MS - 2 * SILENT_MS, 2);
    holder.parts.ask(holder.session, 'subscribe', ['new']);
    holder.parts.pass(2 * SILENT_MS + 10);
    expect(holder.states[3]).toBe('silent');
    holder.hear();
    holder.read(4);
    expect(holder.states).toEqual(['none', 'none', 'none', 'active']);
  });

  it('goes in its time, though its subscriber is silent', () => {
    const holder = Holder.after(REMOVED_MS - 2 * SILENT_MS, 2);
    holder.parts.pass(2 * SILENT_MS - 10);
    expect(holder.states).toEqual(['disconnected', 'disconnected', 'disconnected', 'none']);
    holder.parts.pass(10);
    expect(holder.read(2)).toHaveLength(3);
    expect(holder.states).toEqual(['none', 'none', 'none', 'none']);
  });

  it('goes when its subscriber has read that it is silent', () => {
    const holder = Holder.after(REMOVED_MS - 2 * SILENT_MS, 2);
    holder.parts.ask(holder.session, 'subscribe', ['new', 'other']);
    holder.parts.told();
    holder.parts.pass(2 * SILENT_MS + 10);
    const [first, second, ...rest] = holder.read(4);
    const silent = `notice ${name(holder.session)} silent`;
    expect([first, second]).toEqual([`${silent} other=silent more`, `${silent} new=silent more`]);
    expect(rest[0]).toBe(silent);
    expect(holder.states).toEqual(['none', 'none', 'none', 'silent']);
  });

  it('is kept from then on, where its subscriber is lost again', () => {
    const holder = Holder.after(200_000, 2);
    holder.parts.subscribers.leave(holder.session);
    holder.parts.pass(REMOVED_MS - 10);
    expect(holder.states.slice(0, 3)).toEqual(['disconnected', 'disconnected', 'disconnected']);
    holder.parts.pass(20);
    expect(holder.states.slice(0, 3)).toEqual(['none', 'none', 'none']);
  });

  it('goes after as long as it is kept, where its owner has died', () => {
    const holder = Holder.after(1000, 2);
    const parts = holder.parts.another();
    const join = parts.join('subscriber', 's', { session: holder.session, hold: true, again: true });
    parts.subscribers.rejoin(join);
    for (let passed = 0; passed < REMOVED_MS; passed += SILENT_MS / 2) {
      expect(parts.status('dev-1', 's')).toBe('disconnected');
      parts.heard(holder.session);
      parts.pass(SILENT_MS / 2);
    }
    parts.pass(10);
    expect(parts.status('dev-3', 's')).toBe('none');
  });
});

describe('what is held', () => {
  it('is named to the end, however long its subscriber reads', () => {
    const holder = Holder.after(1000, 0);
    holder.parts.pass(2 * SILENT_MS);
    const { session } = holder;
    expect(holder.read(2)).toEqual([
      `notice ${name(session)} resumed dev-2=disconnected more`,
      `notice ${name(session)} resumed dev-1=disconnected`,
    ]);
  });

  it.each([0, 1])('waits at once, though an older connection had it: edge %i', (edge) => {
    const holder = new Holder();
    const { parts } = holder;
    parts.keepBusy(parts.subscriber('busy'));
    holder.comeBack(edge);
    parts.step();
    expect(holder.states.slice(0, 3)).toEqual(['disconnected', 'disconnected', 'disconnected']);
    const device = parts.registry.deviceOf('dev-1');
    expect([...parts.registry.interest.subarray(device * 2, device * 2 + 2)]).toEqual([0, 0]);
    expect(holder.read(2)).toHaveLength(3);
  });

  it('that an older connection had is back, though the next one came before it waited', () => {
    const holder = new Holder({ pageBytes: 1000 });
    const { parts } = holder;
    const busy = parts.subscriber('busy');
    parts.keepBusy(busy);
    holder.comeBack();
    parts.keepBusy(busy);
    parts.subscriber('s');
    parts.step();
    expect(holder.states.slice(0, 3)).toEqual(['active', 'active', 'active']);
  });
});

describe('a subscriber that is heard after silence', () => {
  it('gets the devices of its filters, though its edge says twice that it was heard', () => {
    const parts = new OwnerParts({ pageBytes: 1 });
    const session = parts.subscriber('s');
    parts.device('x-1');
    parts.ask(session, 'subscribe', ['dev-1', 'dev-2']);
    parts.ask(session, 'subscribe', ['x-*']);
    parts.pass(SILENT_MS);
    for (let page = 0; page < 5; page++) parts.subscribers.more(session, 0);
    parts.told();
    parts.heard(session);
    parts.subscribers.heard(session);
    parts.subscribers.heard(session);
    for (let page = 0; page < 5; page++) parts.subscribers.more(session, 0);
    expect(parts.told()).toContain(`page ${name(session)} x-* x-1=active`);
  });
});
