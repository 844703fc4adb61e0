/** What uWebSockets.js reads from the environment. Main, before the library is loaded: it looks once per process. */
import { HEAD_BYTES_MAX } from '../limits.ts';

/** Lets it take heads of requests as long as Node's servers do here. */
export function setUwsEnvironment(): void {
  Object.assign(process.env, { UWS_HTTP_MAX_HEADERS_SIZE: String(HEAD_BYTES_MAX) });
}
