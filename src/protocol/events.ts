/** Event types and priorities: their numbers on the wire (binary frames, ring records) and their names. */

export const EventType = { pong: 1, message: 2, status: 3 } as const;
export type EventTypeName = keyof typeof EventType;
/** By number. */
export const eventTypeNames = ['', 'pong', 'message', 'status'] as const;

export const Priority = { low: 1, normal: 2, high: 3 } as const;
export type PriorityName = keyof typeof Priority;
/** By number. */
export const priorityNames = ['', 'low', 'normal', 'high'] as const;

/** By type number: the priority of an event that names none. */
export const defaultPriorities = [0, Priority.low, Priority.normal, Priority.high] as const;
