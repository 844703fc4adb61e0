/**
 * A thread with sockets that had met a bug ended after a second, whether or not main had heard of it. A main that stood
 * still for longer then handed sockets to a thread that was not there, and the whole process was aborted.
 */
import { expect, it, onTestFinished } from 'vitest';
import { ToEdge } from '../../src/records/commands.ts';
import { calm, numbersFrom } from '../conformance/harness.ts';
import { admin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { startHub } from '../support/hub-process.ts';
import { Subscriber } from '../support/peers.ts';
import { uwsLoads } from '../support/uws-loads.ts';

/** Main stands still while peers come, has a thread meet a bug, and stands still for seconds more. */
const standStill = `
  import { isMainThread, MessagePort } from 'node:worker_threads';
  const nap = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  const { postMessage } = MessagePort.prototype;
  if (isMainThread) MessagePort.prototype.postMessage = function (message, ...rest) {
    const isFault = message?.kind === ${ToEdge.Fault} && Object.keys(message).length === 1;
    if (isFault) nap(1000);
    postMessage.call(this, message, ...rest);
    if (isFault) nap(3000);
  };`;

it.skipIf(!uwsLoads())('leaves the hub running, and another takes its place', async () => {
  const hub = await startHub({
    ...calm,
    DAT_TRANSPORT: 'uws',
    DAT_FANOUT_WORKERS: '1',
    DAT_FAULT_INJECTION: 'true',
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(standStill)}`,
  });
  onTestFinished(() => hub.kill());
  const enter = async (number: number): Promise<true> => {
    const subscriber = await Subscriber.connect(hub.subscriberPort, `?id=s-${number}`);
    await subscriber.welcome();
    return true;
  };
  const isLetIn = (number: number): Promise<boolean> => enter(number).catch(() => false);
  const body = { thread: 'fanout', worker: 0 };
  const [fault] = await Promise.all([
    admin(hub.adminPort, 'POST', '/v1/faults', { body }),
    ...numbersFrom(1, 20).map(isLetIn),
  ]);
  expect(fault.status).toBe(200);
  await Promise.race([
    eventually('another takes its place', () => isLetIn(21)),
    hub.ended.then(({ code, signal }) => Promise.reject(new Error(`the hub ended with ${code ?? signal}`))),
  ]);
  expect(await hub.stop()).toBe(0);
});
