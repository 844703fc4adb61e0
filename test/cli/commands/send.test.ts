import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { TestHub, uniqueId, useHub } from '../../conformance/harness.ts';
import { bindFreePort } from '../../support/bind-free-port.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/free-ports.ts';
import { dat, jsonLines, portsOf, start } from '../run.ts';

/** The frames that a follower of this device gets, as text. */
async function follow(hub: TestHub, device: string): Promise<string[]> {
  const frames: string[] = [];
  const url = `ws://127.0.0.1:${hub.process.subscriberPort}/v1/subscribe?devices=${device}`;
  const socket = new WebSocket(url);
  onTestFinished(() => socket.terminate());
  socket.on('message', (frame) => frames.push(String(frame)));
  await eventually('it follows', () => frames.some((frame) => frame.includes('"subscribed"')));
  return frames;
}

describe('dat send', () => {
  const hub = useHub({});

  it('says when nobody follows the device, and how JSON looks', async () => {
    const id = uniqueId('dev');
    expect(await dat(['send', id, '1'], portsOf(hub))).toMatchObject({
      code: 0,
      stdout: `skipped: nobody follows ${id}\n`,
    });
    const { code, stderr } = await dat(['send', id, 'hello'], portsOf(hub));
    expect(code).toBe(64);
    expect(stderr).toBe(`dat: not JSON: hello; a text needs quotes: '"hello"'\n`);
  });

  it('publishes a status where one is given, and refuses what contradicts itself', async () => {
    const { dev, subscriber } = await hub.pair();
    const sent = await dat(['send', dev, '--status', 'hot', '--operator'], portsOf(hub));
    expect(sent).toMatchObject({ code: 0, stdout: expect.stringContaining(`sent as ${dev}`) });
    expect(await subscriber.frames.next(({ status }) => status === 'hot')).toMatchObject({ type: 'status' });
    for (const args of [
      ['--status', 'hot', '--type', 'pong'],
      ['--type', 'status'],
      ['--status', ''],
      ['--status', 'x'.repeat(65)],
    ])
      expect(await dat(['send', dev, ...args], portsOf(hub))).toMatchObject({ code: 64 });
  });

  it('leaves a connected device alone as an operator, and replaces it otherwise', async () => {
    const { dev, device, subscriber } = await hub.pair();
    expect((await dat(['send', dev, '1', '--operator'], portsOf(hub))).code).toBe(0);
    await subscriber.frames.next(({ data }) => data === 1);
    expect((await device.message(2)).skipped).toBeUndefined();
    expect((await dat(['send', dev, '3'], portsOf(hub))).code).toBe(0);
    expect((await device.closed).code).toBe(4004);
  });

  it('passes data on as it was written', async () => {
    const id = uniqueId('dev');
    const frames = await follow(hub, id);
    const data = '{"id": 12345678901234203714, "price":1.10, "text":"\\u00e9$&"}';
    expect((await dat(['send', id, data], portsOf(hub))).code).toBe(0);
    await eventually('it arrives', () => frames.some((frame) => frame.includes(`"data":${data}`)));
    const status = ['send', id, '[1.0]', '--status', 'hot'];
    expect((await dat(status, portsOf(hub))).code).toBe(0);
    await eventually('it arrives', () => frames.some((frame) => frame.includes('"data":[1.0]')));
  });

  it('writes data as it was given into the request of an operator', async () => {
    const bodies: string[] = [];
    const server = createServer((request, response) => {
      request.on('data', (chunk) => bodies.push(String(chunk)));
      request.on('end', () => response.setHeader('content-type', 'application/json').end('{"seq":7}'));
    });
    const port = await bindFreePort(server);
    onTestFinished(() => void server.close());
    const args = ['send', 'dev-1', '1.10', '--operator', '--priority', 'high'];
    const sent = await dat([...args, '--admin-url', `http://127.0.0.1:${port}`]);
    expect(sent).toMatchObject({ code: 0, stdout: 'sent as dev-1, number 7\n' });
    expect(bodies).toEqual(['{"type":"message","priority":"high","data":1.10}']);
  });

  it('sends each line of stdin, and no more than is asked for', async () => {
    const id = uniqueId('dev');
    const frames = await follow(hub, id);
    const args = ['send', id, '-', '--count', '3', '--json'];
    const { code, stdout } = await dat(args, portsOf(hub), '1.10\n\n"two"\n[3]\nnot read\n');
    expect(code).toBe(0);
    expect(jsonLines(stdout).map(({ seq }) => seq)).toEqual([2, 3, 4]);
    await eventually('all arrive', () => frames.some((frame) => frame.includes('"data":[3]')));
    const data = frames.map((frame) => /"data":(1\.10|"two"|\[3\])/.exec(frame)?.[1]).filter(Boolean);
    expect(data).toEqual(['1.10', '"two"', '[3]']);
  });

  it('ends at a line that is not JSON, with its number', async () => {
    const id = uniqueId('dev');
    const { code, stdout, stderr } = await dat(['send', id, '-'], portsOf(hub), '1\nhello\n2\n');
    expect({ code, lines: stdout.split('\n').length }).toEqual({ code: 64, lines: 2 });
    expect(stderr).toMatch(/^dat: line 2: not JSON: hello; /);
  });

  it('repeats an event, at a pace', async () => {
    const id = uniqueId('dev');
    const startedAt = performance.now();
    const args = ['send', id, '{"alive":true}', '--every', '200', '--count', '4', '--json'];
    const { code, stdout } = await dat(args, portsOf(hub));
    expect({ code, events: jsonLines(stdout).length }).toEqual({ code: 0, events: 4 });
    expect(performance.now() - startedAt).toBeGreaterThan(600);
  });

  it('repeats until Ctrl-C, with and without stdin', async () => {
    const id = uniqueId('dev');
    for (const data of ['1', '-']) {
      const sending = start(['send', id, data, '--every', '20'], portsOf(hub), null);
      sending.child.stdin?.write('1\n2\n');
      await eventually('it sends', () => sending.out.stdout.split('\n').length > 2);
      sending.child.kill('SIGINT');
      expect(await sending.ended).toMatchObject({ code: 0, stderr: '' });
    }
  });

  it('slows down to the rate that the hub allows', async () => {
    const limited = new TestHub({ DAT_DEVICE_RATE: '50', DAT_DEVICE_BURST: '20' });
    await limited.start();
    onTestFinished(() => limited.end());
    const lines = Array.from({ length: 60 }, (_, n) => `${n}\n`).join('');
    const { code, stdout } = await dat(['send', 'dev-1', '-'], portsOf(limited), lines);
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(60);
  });

  it('goes on repeating when the hub was away', async () => {
    const ports = await freePorts();
    const restarted = new TestHub(ports);
    await restarted.start();
    onTestFinished(() => restarted.end());
    const sending = start(['send', 'dev-1', '1', '--every', '50'], portsOf(restarted));
    const lines = (): number => sending.out.stdout.split('\n').length;
    await eventually('it sends', () => lines() > 2);
    await restarted.process.kill();
    await restarted.start();
    const before = lines();
    await eventually('it sends again', () => lines() > before + 2);
    sending.child.kill('SIGINT');
    expect((await sending.ended).code).toBe(0);
  });
});
