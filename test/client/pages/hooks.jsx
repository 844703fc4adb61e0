// What the test of the hooks drives: components that come and go, and how often each rendered.
import { connectSubscriber } from 'device-aggregator-tunnel-client';
import {
  SubscriberContext,
  useConnection,
  useDevice,
  useDevices,
} from 'device-aggregator-tunnel-client/react';
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';

window.renders = {};
window.connections = [];
const count = (name) => {
  window.renders[name] = (window.renders[name] ?? 0) + 1;
};

function One({ id }) {
  const device = useDevice(id);
  count(id);
  return (
    <li id={`one-${id}`}>
      {device ? `${device.state} ${JSON.stringify(device.lastMessage?.data)}` : 'unknown'}
    </li>
  );
}

function Many({ filter }) {
  const devices = useDevices(filter);
  count(filter);
  return (
    <li id="many">{devices.map(({ device, lastMessage }) => `${device}=${lastMessage?.data}`).join(' ')}</li>
  );
}

function Connection() {
  const connection = useConnection();
  window.connections.push(connection.state);
  return <li id="connection">{connection.state}</li>;
}

function App({ subscriber }) {
  const [shown, show] = useState({ ones: [], filters: [] });
  window.show = show;
  return (
    <SubscriberContext value={subscriber}>
      <ul>
        <Connection />
        {shown.ones.map((id, n) => (
          <One id={id} key={n} />
        ))}
        {shown.filters.map((filter) => (
          <Many filter={filter} key={filter} />
        ))}
      </ul>
    </SubscriberContext>
  );
}

function Orphan() {
  useDevice('dev-1');
  return null;
}

window.start = (url, options) => {
  window.subscriber = connectSubscriber({ url, id: 'page', ...options });
  createRoot(document.getElementById('root')).render(
    <StrictMode>
      <App subscriber={window.subscriber} />
    </StrictMode>,
  );
};
window.orphan = () =>
  new Promise((resolve) => {
    createRoot(document.createElement('div'), { onUncaughtError: (error) => resolve(error.message) }).render(
      <Orphan />,
    );
  });
