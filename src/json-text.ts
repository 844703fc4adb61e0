/**
 * What `JSON.parse` does not tell of a text: how deep it goes, which key an object has twice, and how a member was
 * written. One pass without recursion, whatever the text holds. Any thread.
 */

/** Of a valid JSON text. */
export interface JsonLook {
  /** Lists and objects within each other; 0 for a value that is neither. */
  readonly depth: number;
  /** A key that one object has twice, as far down as was asked for; undefined where there is none. */
  readonly duplicate: string | undefined;
  /** Where the wanted member of the outermost object stands; undefined where it has none. */
  readonly member: { readonly start: number; readonly end: number } | undefined;
}

export interface JsonQuestions {
  /** Looks for duplicate keys in objects down to this level; the outermost is 1. */
  readonly keysDownTo: number;
  /** Name of a member of the outermost object. */
  readonly member?: string;
}

/** How many lists and objects are open at the deepest place, also of a text that is no JSON. */
export function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth);
    else if (char === '}' || char === ']') depth -= 1;
  }
  return deepest;
}

/** @param text that `JSON.parse` takes */
export function lookAtJson(text: string, { keysDownTo, member: wanted }: JsonQuestions): JsonLook {
  /** Keys of the open objects; undefined for lists, and for objects below `keysDownTo`. */
  const open: (Set<string> | undefined)[] = [];
  let deepest = 0;
  let duplicate: string | undefined;
  let start = -1;
  let member: JsonLook['member'];
  let isKey = false;
  const endMember = (at: number): void => {
    if (start >= 0 && open.length === 1) {
      member = trimmed(text, start, at);
      start = -1;
    }
  };
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"': {
        const end = endOfString(text, at);
        const keys = open.at(-1);
        if (isKey && keys !== undefined) {
          const key = JSON.parse(text.slice(at, end + 1)) as string;
          if (keys.has(key)) duplicate ??= key;
          keys.add(key);
          if (open.length === 1 && key === wanted) start = text.indexOf(':', end) + 1;
        }
        at = end;
        break;
      }
      case '{':
        open.push(open.length < keysDownTo ? new Set() : undefined);
        isKey = true;
        deepest = Math.max(deepest, open.length);
        break;
      case '[':
        open.push(undefined);
        isKey = false;
        deepest = Math.max(deepest, open.length);
        break;
      case '}':
      case ']':
        endMember(at);
        open.pop();
        break;
      case ',':
        endMember(at);
        isKey = open.at(-1) !== undefined;
        break;
      case ':':
        isKey = false;
    }
  }
  return { depth: deepest, duplicate, member };
}

/** @param at of the opening quote @returns where the closing one stands, or the last place of a text that has none */
function endOfString(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === '\\') end += 1;
    else if (text[end] === '"') return end;
  }
  return text.length - 1;
}

function trimmed(text: string, from: number, to: number): { start: number; end: number } {
  let start = from;
  let end = to;
  while (isSpace(text[start])) start += 1;
  while (end > start && isSpace(text[end - 1])) end -= 1;
  return { start, end };
}

function isSpace(char: string | undefined): boolean {
  return char === ' ' || char === '\n' || char === '\r' || char === '\t';
}
