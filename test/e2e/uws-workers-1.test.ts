import { contract } from './suite.ts';

contract('uws-workers-1', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' });
