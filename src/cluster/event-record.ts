/** The event record between nodes: the hub's own record, whose layout is declared in one place. */
export { copyEvent, EventField, EventFlag, eventBytes } from '../records/event.ts';
