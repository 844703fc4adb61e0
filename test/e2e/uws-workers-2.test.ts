import { contract } from './suite.ts';

contract('uws-workers-2', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '2' });
