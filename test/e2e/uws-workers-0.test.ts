import { contract } from './suite.ts';

contract('uws-workers-0', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '0' });
