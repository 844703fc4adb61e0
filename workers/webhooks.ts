/** The webhook thread: tells a receiver what changes, until main says stop. */
import { workerData } from 'node:worker_threads';
import { systemClock } from '../src/clock.ts';
import { PresenceReader } from '../src/presence/reader.ts';
import { FromWebhooks, ToWebhooks, type ToWebhooksCommand } from '../src/records/commands.ts';
import type { WebhookTask } from '../src/supervise/webhook-thread.ts';
import { Webhooks } from '../src/webhooks/webhooks.ts';

const { presence, settings, counters, resync, port } = workerData as WebhookTask;
const webhooks = new Webhooks({
  presence: new PresenceReader(presence),
  clock: systemClock,
  settings,
  counters,
  fetch,
  resync,
  changed: (failure) => port.postMessage({ kind: FromWebhooks.Changed, failure }),
});
port.on('message', (command: ToWebhooksCommand) => {
  if (command.kind === ToWebhooks.Reload) Object.assign(settings, command.settings);
  else webhooks.stop();
});
port.postMessage({ kind: FromWebhooks.Ready });
await webhooks.run();
port.close();
