/** The event record as it travels between nodes: the hub's own, whose layout is in one place. */
export { copyEvent, EventField, EventFlag, eventBytes } from '../records/event.ts';
