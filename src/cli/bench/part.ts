/** One part of a load in a process of its own: obeys the controller. */
import { nowUs } from './clock.ts';
import type { FromGenerator, GeneratorOrder, Progress, ToGenerator, Window } from './messages.ts';

export interface Part {
  /** What is intended in this window is counted apart. */
  window(window: Window): void;
  /** Plays its part. @param rate events per second of each device */
  run(span: Window, rate: number): Promise<void>;
  /** What happened since the last call; undefined where a part has nothing to tell. */
  progress(): Omit<Progress, 'atUs'> | undefined;
  /** Waits for what is on its way, and tells what came out. */
  report(): Promise<unknown>;
  close(): void;
}

export type Parts = Readonly<Record<string, (order: GeneratorOrder) => Promise<Part>>>;

const PROGRESS_MS = 1000;
/** For the goodbyes of a thousand connections. */
const END_MS = 1500;

/** Serves the controller of this process until it is gone. @param parts by the name that it was started with */
export function servePart(parts: Parts, name = process.argv[2] ?? ''): void {
  const say = (message: FromGenerator): void => {
    process.send?.(message);
  };
  const fail = (error: unknown): void =>
    say({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  let part: Part | undefined;
  let running: Promise<void> = Promise.resolve();

  async function obey(message: ToGenerator): Promise<void> {
    switch (message.kind) {
      case 'open':
        part = await parts[name]?.(message);
        setInterval(() => tell(part?.progress()), PROGRESS_MS).unref();
        say({ kind: 'opened' });
        return;
      case 'window':
        part?.window(message.window);
        return;
      case 'run': {
        const { span, rate } = message;
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, (span.fromUs - nowUs()) / 1e3)));
        running = part?.run(span, rate) ?? running;
        return;
      }
      case 'report':
        await running;
        say({ kind: 'reported', report: await part?.report() });
        return;
      case 'end':
        part?.close();
        process.disconnect();
    }
  }

  function tell(progress: Omit<Progress, 'atUs'> | undefined): void {
    if (progress !== undefined) say({ kind: 'progress', progress: { ...progress, atUs: nowUs() } });
  }

  process.on('message', (message: ToGenerator) => {
    obey(message).catch(fail);
  });
  process.on('uncaughtException', fail);
  // Ends by itself when the last goodbye was answered.
  process.on('disconnect', () => void setTimeout(() => process.exit(), END_MS).unref());
  // The controller ends its processes itself.
  process.on('SIGINT', () => {});
}
