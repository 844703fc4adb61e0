import { conformance } from './conformance.ts';

conformance({ name: 'uws, 0 fan-out workers', env: { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '0' } });
