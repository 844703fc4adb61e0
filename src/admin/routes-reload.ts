/** Reload: the same as SIGHUP, with an answer. */
import { z } from 'zod';
import { ReloadRefused } from '../reload.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { answers, noQuery } from './schemas.ts';

const names = z.array(z.string());
const reloadAnswer = z.object({
  changed: names.describe('Settings that took effect; of a file, also if only its content is different'),
  needRestart: names.describe('Settings with another value that takes a restart'),
});

/** `/v1/reload`. */
export function reloadRoutes(app: AdminApp, deps: AdminDeps): void {
  app.post(
    '/v1/reload',
    {
      schema: {
        querystring: noQuery,
        summary: 'Read the config file, the certificate, the key files and the secret files again',
        response: answers(reloadAnswer, 'unavailable'),
      },
    },
    async () => {
      try {
        const { changed, needRestart } = await deps.reload();
        return { changed: [...changed], needRestart: [...needRestart] };
      } catch (error) {
        if (error instanceof ReloadRefused) throw new AdminError('bad_request', error.message);
        throw new AdminError('unavailable', (error as Error).message);
      }
    },
  );
}
