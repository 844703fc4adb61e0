/** What one MQTT peer may make the hub hold or do; bounds that are not settings, each with its reason. */

/** A packet's type and flags, and up to four bytes of remaining length. */
export const FIXED_HEADER_BYTES_MAX = 5;

/** QoS 2 packet ids that wait for their PUBREL (wire contract); in MQTT 5 also the Receive Maximum. */
export const OPEN_PACKET_IDS_MAX = 1024;

/** Topic aliases that a client may set: a device has three topics, a gateway few hot ones. About 100 B each. */
export const TOPIC_ALIAS_MAX = 32;

/** Longer topics than any template makes with the longest id are not of the hub: nothing is decoded to find that out. */
export const TOPIC_BYTES_MAX = 1024;

/** Topic filters of one session: a kept session is this large at most, whoever holds it meanwhile. */
export const TOPIC_FILTERS_MAX = 10_000;
export const TOPIC_FILTERS_BYTES_MAX = 256 * 1024;

/** Topic filters that one request to the hub carries (wire contract: no frame names more than 1000 devices). */
export const REQUEST_FILTERS_MAX = 1000;

/** SUBSCRIBE and UNSUBSCRIBE packets that wait behind one that is being answered: clients send them in bursts. */
export const WAITING_REQUESTS_MAX = 1024;

/** The bytes of their topic filters, together. */
export const WAITING_FILTER_BYTES_MAX = 64 * 1024;

/** A peer whose CONNECT is not complete by then is cut off, as one whose upgrade is not. */
export const CONNECT_MS_MAX = 10_000;

/** No MQTT peer counts as silent before this (wire contract). */
export const SILENCE_MS_MIN = 10_000;

/** Of its keep-alive, how long a client may be silent (MQTT 3.1.1 and 5, 3.1.2.10). */
export const KEEP_ALIVE_FACTOR = 1.5;

/** Templates of a topic layout, and the characters of one: a topic is compared with each. */
export const TEMPLATES_MAX = 64;
export const TEMPLATE_CHARACTERS_MAX = 256;

/** The longest token that is looked at (`src/limits.ts`), as a password. */
export const PASSWORD_BYTES_MAX = 8192;
