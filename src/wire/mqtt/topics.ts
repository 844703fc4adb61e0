/**
 * Maps topics to devices and kinds, and back. A topic belongs to the layout only if the reverse mapping returns the
 * same topic, so an event is never delivered on another topic than it was published to, except between several
 * templates of one type.
 */
import { isId } from '../id.ts';
import { TOPIC_BYTES_MAX } from './limits.ts';
import { isIdPart, Kind, type Template, Wildcard } from './templates.ts';

/** Kinds that a device may publish. Presence and interest come from the hub. */
export const PUBLISHABLE = Kind.message | Kind.status | Kind.pong;

export interface Located {
  readonly device: string;
  readonly kind: number;
}

/** A template's bytes around the device's levels. */
interface Compiled extends Template {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

const DOT = 0x2e;
const SLASH = 0x2f;
const EMPTY = new Uint8Array(0);

export class TopicLayout {
  readonly templates: readonly Template[];
  readonly #compiled: readonly Compiled[];
  /** The first template of each kind, which the hub sends on. */
  readonly #canonical = new Map<number, Compiled>();

  /** @param templates as `readTemplates` gave them */
  constructor(templates: readonly Template[]) {
    this.templates = templates;
    this.#compiled = templates.map((template) => ({
      ...template,
      before: Buffer.from(template.prefix.map((level) => `${level}/`).join('')),
      after: Buffer.from(template.suffix.map((level) => `/${level}`).join('')),
    }));
    for (const compiled of this.#compiled) {
      if (!this.#canonical.has(compiled.kind)) this.#canonical.set(compiled.kind, compiled);
    }
  }

  /** Whether the hub sends on this template. Further templates of a kind are for publishing only. */
  sendsOn(template: Template): boolean {
    return this.#canonical.get(template.kind)?.text === template.text;
  }

  /** The template that events of that kind are sent on, as it is written. */
  templateOf(kind: number): string | undefined {
    return this.#canonical.get(kind)?.text;
  }

  /** @returns the topic that events of that kind come on, undefined when the layout has none */
  topicOf(device: string, kind: number): string | undefined {
    const template = this.#canonical.get(kind);
    if (template === undefined) return undefined;
    const levels = template.wildcard === Wildcard.one ? device : device.replaceAll('.', '/');
    return [...template.prefix, levels, ...template.suffix].join('/');
  }

  /** The topic as encoded in packets, with its length in front; empty when the layout has none. */
  topicBytes(device: string, kind: number): Uint8Array {
    const topic = this.topicOf(device, kind);
    if (topic === undefined) return EMPTY;
    const text = Buffer.from(topic);
    const bytes = new Uint8Array(2 + text.length);
    bytes[0] = text.length >> 8;
    bytes[1] = text.length & 0xff;
    bytes.set(text, 2);
    return bytes;
  }

  /** @returns undefined for a foreign topic */
  locate(topic: string): Located | undefined {
    if (topic.length > TOPIC_BYTES_MAX) return undefined;
    const levels = topic.split('/');
    for (const template of this.templates) {
      const device = deviceAt(template, levels);
      if (device !== undefined) return { device, kind: template.kind };
    }
    return undefined;
  }

  /**
   * The kind of a topic of a known device. Compares bytes in place, since it runs for every event.
   * @returns 0 when it is not a topic of that device
   */
  kindOf(bytes: Uint8Array, start: number, end: number, device: string): number {
    for (const compiled of this.#compiled) {
      if (isTopicOf(compiled, bytes, start, end, device)) return compiled.kind;
    }
    return 0;
  }
}

function deviceAt({ prefix, wildcard, suffix }: Template, levels: readonly string[]): string | undefined {
  const count = levels.length - prefix.length - suffix.length;
  if (wildcard === Wildcard.one ? count !== 1 : count < 1) return undefined;
  if (prefix.some((level, index) => level !== levels[index])) return undefined;
  if (suffix.some((level, index) => level !== levels[prefix.length + count + index])) return undefined;
  const parts = levels.slice(prefix.length, prefix.length + count);
  return idOf(wildcard, parts);
}

/** @returns the id, undefined when the levels form none or are not how the hub would write it */
export function idOf(wildcard: Template['wildcard'], parts: readonly string[]): string | undefined {
  if (wildcard === Wildcard.many && !parts.every(isIdPart)) return undefined;
  const id = parts.join('.');
  return isId(id) ? id : undefined;
}

function isTopicOf(
  { before, after, wildcard }: Compiled,
  bytes: Uint8Array,
  start: number,
  end: number,
  device: string,
): boolean {
  const place = start + before.length;
  const behind = place + device.length;
  if (behind + after.length !== end) return false;
  for (let i = 0; i < after.length; i++) if (bytes[behind + i] !== after[i]) return false;
  for (let i = 0; i < before.length; i++) if (bytes[start + i] !== before[i]) return false;
  for (let i = 0; i < device.length; i++) {
    const byte = device.charCodeAt(i);
    const wanted = byte === DOT && wildcard === Wildcard.many ? SLASH : byte;
    if (bytes[place + i] !== wanted) return false;
  }
  return true;
}
