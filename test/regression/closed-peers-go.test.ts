import { describe, expect, it } from 'vitest';
import { uniqueId, useHub } from '../conformance/harness.ts';
import { eventually } from '../support/eventually.ts';
import { Opcode, RawPeer } from '../support/raw-peer.ts';

describe('a subscriber that is closed while much waits for it', () => {
  const hub = useHub({
    DAT_FANOUT_WORKERS: '1',
    DAT_SEND_QUEUE_BYTES: '134217728',
    DAT_SEND_QUEUE_MAX_BYTES: '134217728',
  });

  it('loses its connection, though it reads a little now and then', async () => {
    const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
    const device = await hub.device(dev);
    const peer = await RawPeer.open(hub.process.subscriberPort, `/v1/subscribe?id=${sub}&devices=${dev}`);
    await hub.rowBecomes(dev, sub, { status: 'active' });
    peer.stopReading();
    const data = 'x'.repeat(50_000);
    for (let n = 0; n < 400; n++) await device.message(data);
    await hub.admin('DELETE', `/v1/subscribers/${sub}`);
    let isClosed = false;
    void peer.closed.then(() => {
      isClosed = true;
    });
    await eventually('what it writes meets a closed connection', async () => {
      await peer.readSome(500_000);
      peer.send(Opcode.ping, 'still here');
      await new Promise((resolve) => setTimeout(resolve, 500));
      return isClosed;
    });
    expect(isClosed).toBe(true);
  });
});
