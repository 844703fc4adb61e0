import { conformance } from './conformance.ts';

conformance({ name: 'ws', env: { DAT_TRANSPORT: 'ws' } });
