import { conformance } from './conformance.ts';

conformance({ name: 'uws, 1 fan-out worker', env: { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' } });
