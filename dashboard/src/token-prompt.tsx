/** Asks for the operator's token if the hub requires one. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { storedToken } from './token.ts';

export function TokenPrompt({ reason, give }: { reason: string; give: (token: string) => void }) {
  const [token, setToken] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const wasRefused = storedToken() !== '';
  useEffect(() => input.current?.focus(), []);
  return (
    <main class="prompt">
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== '') give(token.trim());
        }}
      >
        <h1>Device Aggregator Tunnel</h1>
        <p>This hub needs a token: the admin token, or a JWT with the role admin.</p>
        {wasRefused ? (
          <p class="note bad" role="alert">
            The hub refused the token: {reason}.
          </p>
        ) : null}
        <label>
          <span>Token</span>
          <input
            ref={input}
            type="password"
            value={token}
            autocomplete="off"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <p class="muted">It is kept until you close this tab, and is sent only to this hub.</p>
        <div class="buttons">
          <button type="submit" class="primary">
            Continue
          </button>
        </div>
      </form>
    </main>
  );
}
