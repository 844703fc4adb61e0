/** A generator process: does what the controller says, as sender, receiver or disturber. */
import { nowUs } from './clock.ts';
import { Disturber } from './disturber.ts';
import type { FromGenerator, GeneratorKind, ToGenerator } from './messages.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';

const say = (message: FromGenerator): void => {
  process.send?.(message);
};
const kind = process.argv[2] as GeneratorKind;
let part: Sender | Receiver | Disturber | undefined;
let running: Promise<void> = Promise.resolve();

async function obey(message: ToGenerator): Promise<void> {
  switch (message.kind) {
    case 'open': {
      const Part = { sender: Sender, receiver: Receiver, disturber: Disturber }[kind];
      part = await Part.open(message.target, message.shape);
      say({ kind: 'opened' });
      return;
    }
    case 'window':
      if (part instanceof Sender || part instanceof Receiver) part.window(message.window);
      return;
    case 'run': {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, (message.fromUs - nowUs()) / 1e3)));
      if (part instanceof Sender) running = part.run(message.fromUs, message.toUs);
      if (part instanceof Disturber) running = part.run(message.toUs);
      return;
    }
    case 'report':
      await running;
      if (part instanceof Receiver) await part.quiet();
      if (part instanceof Sender) say({ kind: 'sent', report: part.report() });
      if (part instanceof Receiver) say({ kind: 'received', report: part.report() });
      if (part instanceof Disturber) say({ kind: 'disturbed', report: part.report() });
      return;
    case 'end':
      part?.close();
      process.disconnect();
  }
}

process.on('message', (message: ToGenerator) => {
  obey(message).catch(fail);
});
process.on('uncaughtException', fail);
process.on('disconnect', () => process.exit());

function fail(error: unknown): void {
  say({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}
