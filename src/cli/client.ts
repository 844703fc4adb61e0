/** Loads what a command needs to connect as a peer: not every command does, and it takes a moment. */
export async function loadClient() {
  const [{ WebSocket }, client] = await Promise.all([import('ws'), import('../client/index.ts')]);
  return { WebSocket, ...client };
}
