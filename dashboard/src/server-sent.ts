/** Server-sent events out of the text of a stream, piece by piece. EventSource cannot send a token. */

export interface ServerSent {
  readonly name: string;
  readonly data: string;
}

export class ServerSentParser {
  #rest = '';

  /** @returns the events that are whole with this piece */
  push(piece: string): ServerSent[] {
    const blocks = (this.#rest + piece).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.map(parseBlock);
  }
}

function parseBlock(block: string): ServerSent {
  let name = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) name = line.slice('event: '.length);
    else if (line.startsWith('data: ')) data.push(line.slice('data: '.length));
  }
  return { name, data: data.join('\n') };
}
