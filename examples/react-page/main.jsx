// The devices of a filter, and one of them, with the hooks of the client: npx vite examples/react-page
import { connectSubscriber } from 'device-aggregator-tunnel-client';
import {
  SubscriberContext,
  useConnection,
  useDevice,
  useDevices,
} from 'device-aggregator-tunnel-client/react';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';

// ?hub=ws://HOST:PORT&filter=PREFIX*; the hub must allow this page's origin (DAT_ALLOWED_ORIGINS).
const parameters = new URLSearchParams(location.search);
const url = parameters.get('hub') ?? 'ws://127.0.0.1:7401';
const filter = parameters.get('filter') ?? '*';

const subscriber = connectSubscriber({ url, pauseWhenHidden: true });

function Connection() {
  const { state, error } = useConnection();
  return <small id="connection">{error ? `${state}: ${error.message}` : state}</small>;
}

function Fleet({ choose }) {
  const devices = useDevices(filter);
  return (
    <table>
      <thead>
        <tr>
          <th>device</th>
          <th>is</th>
          <th>says</th>
          <th>last message</th>
        </tr>
      </thead>
      <tbody>
        {devices.map(({ device, state, deviceStatus, lastMessage }) => (
          <tr key={device}>
            <td>
              <button type="button" onClick={() => choose(device)}>
                {device}
              </button>
            </td>
            <td>{state}</td>
            <td>{deviceStatus}</td>
            <td>{JSON.stringify(lastMessage?.data)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Details({ id }) {
  const device = useDevice(id);
  if (device === undefined) return <p>Nothing is known of {id} yet.</p>;
  const { state, lastSeen, lastMessage } = device;
  return (
    <dl id="details">
      <dt>{id}</dt>
      <dd>
        {state}, last seen {new Date(lastSeen).toLocaleTimeString()}, event {lastMessage?.seq}
      </dd>
    </dl>
  );
}

function App() {
  const [chosen, choose] = useState();
  return (
    <SubscriberContext value={subscriber}>
      <h1>
        {filter} <Connection />
      </h1>
      <Fleet choose={choose} />
      {chosen && <Details id={chosen} />}
    </SubscriberContext>
  );
}

createRoot(document.getElementById('root')).render(<App />);
