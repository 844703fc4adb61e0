/**
 * Over TCP a connection that was turned away for its address, for room or in a drain was dropped without a word. Its
 * client could not tell that from a broken network.
 */
import { expect, it, onTestFinished } from 'vitest';
import { connect, open } from '../mqtt/client.ts';
import { startMqttHub } from '../mqtt/harness.ts';
import { eventually } from '../support/eventually.ts';

it('gets a CONNACK that says why', async () => {
  const hub = await startMqttHub({ env: { DAT_MAX_CONNECTIONS_PER_ADDRESS: '1' } });
  onTestFinished(() => hub.stop());
  await connect(hub, { way: 'tcp', clientId: 'first' });
  for (const [protocolVersion, code] of [
    [5, 0x97],
    [4, 3],
  ] as const) {
    const { errors } = open(hub, { way: 'tcp', clientId: 'second', protocolVersion, reconnectPeriod: 0 });
    await eventually('it is refused', () => errors.length > 0);
    expect(errors[0]).toMatchObject({ code });
  }
});
