/** What the live routes and their readers both name. */

/** Header of the answer to `GET /v1/live`: the stream's id, for `PUT /v1/live/streams/ID`. */
export const LIVE_STREAM_HEADER = 'dat-live-stream';
