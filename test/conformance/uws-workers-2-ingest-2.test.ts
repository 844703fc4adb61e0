import { conformance } from './conformance.ts';

conformance({
  name: 'uws, 2 fan-out workers and 2 ingest threads',
  env: { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '2', DAT_INGEST_WORKERS: '2' },
});
