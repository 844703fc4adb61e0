/** Bounds on what one MQTT peer can make the hub hold or do. None is a setting; each has its reason. */

/** A packet's type and flags, and up to four bytes of remaining length. */
export const FIXED_HEADER_BYTES_MAX = 5;

/** QoS 2 packet ids that wait for their PUBREL (wire contract); in MQTT 5 also the Receive Maximum. */
export const OPEN_PACKET_IDS_MAX = 1024;

/** Topic aliases that a client may set: a device has three topics, a gateway few hot ones. About 100 B each. */
export const TOPIC_ALIAS_MAX = 32;

/** No template makes a longer topic, even with the longest id. Longer ones are foreign and are not decoded. */
export const TOPIC_BYTES_MAX = 1024;

/** Topic filters of one session, which also bounds the size of a kept session. */
export const TOPIC_FILTERS_MAX = 10_000;
export const TOPIC_FILTERS_BYTES_MAX = 256 * 1024;

/** Topic filters in one request to the hub (wire contract: no frame names more than 1000 devices). */
export const REQUEST_FILTERS_MAX = 1000;

/** SUBSCRIBE and UNSUBSCRIBE packets queued behind one in progress. Clients send them in bursts. */
export const WAITING_REQUESTS_MAX = 1024;

/** Their topic filters, about 150 B each beside their text; and all of that. */
export const WAITING_FILTERS_MAX = 4096;
export const WAITING_FILTER_BYTES_MAX = 64 * 1024;

/** A peer must complete its CONNECT within this time, as a WebSocket peer its upgrade. */
export const CONNECT_MS_MAX = 10_000;

/** Lower bound for every silence limit of an MQTT peer (wire contract). */
export const SILENCE_MS_MIN = 10_000;

/** A client may be silent for this multiple of its keep-alive (MQTT 3.1.1 and 5, section 3.1.2.10). */
export const KEEP_ALIVE_FACTOR = 1.5;

/** Templates of a topic layout, and characters of a template. Each topic is compared with every template. */
export const TEMPLATES_MAX = 64;
export const TEMPLATE_CHARACTERS_MAX = 256;

/** Passwords over this length are not decoded: no token is longer (`TOKEN_CHARACTERS_MAX`). */
export const PASSWORD_BYTES_MAX = 8192;
