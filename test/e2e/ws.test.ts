import { contract } from './suite.ts';

contract('ws', { DAT_TRANSPORT: 'ws', DAT_FANOUT_WORKERS: 'auto' });
