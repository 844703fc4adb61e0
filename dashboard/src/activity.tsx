/** What operators did lately, and what the hub refused. */
import { NoRoute, Panel } from './parts.tsx';
export function Activity({ startedAt }: { startedAt: number }) {
  return (
    <Panel title="Activity" wide note={String(startedAt)}>
      <NoRoute what="Operator actions and refusals are" route="GET /v1/activity" />
    </Panel>
  );
}
