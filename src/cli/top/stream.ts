/** The live stream of a hub: figures once a second. */
import type { LiveFigures } from '../../admin/live-schemas.ts';

/** The figures of a stream of server-sent events, until it ends. */
export async function* figuresOf(answer: Response): AsyncGenerator<LiveFigures> {
  let text = '';
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const messages = text.split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages) {
      const fields = message.split('\n');
      const data = fields.filter((field) => field.startsWith('data:')).map((field) => field.slice(5));
      if (fields.some((field) => field.trim() === 'event: figures'))
        yield JSON.parse(data.join('\n')) as LiveFigures;
    }
  }
}
