/**
 * Sets what uWebSockets.js reads from the environment. Main, before the library is loaded: it reads it once per
 * process.
 */
import { HEAD_BYTES_MAX } from '../limits.ts';

/** Makes it accept request heads as long as Node's servers do here. */
export function setUwsEnvironment(): void {
  Object.assign(process.env, { UWS_HTTP_MAX_HEADERS_SIZE: String(HEAD_BYTES_MAX) });
}
