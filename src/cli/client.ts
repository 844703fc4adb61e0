/** Loads what a command needs to connect as a peer: not every command does, and it takes a moment. */
export async function loadClient() {
  const [{ WebSocket }, { explaining }, client] = await Promise.all([
    import('ws'),
    import('./explaining-socket.ts'),
    import('../client/index.ts'),
  ]);
  return { WebSocket: explaining(WebSocket), ...client };
}
