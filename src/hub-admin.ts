/** What the hub hands to its admin API. Part of the composition root. */
import { fileURLToPath } from 'node:url';
import type { AdminDeps, AdminOptions } from './admin/deps.ts';
import { systemClock } from './clock.ts';
import { attachHistory, historyUsage } from './history/memory.ts';
import { HistoryReader } from './history/reader.ts';
import { packageFile } from './package-root.ts';
import { PresenceReader } from './presence/table.ts';
import type { Settings } from './settings.ts';
import type { HubMemory } from './supervise/memory.ts';
import type { Tls } from './transport/tls.ts';

const DASHBOARD = fileURLToPath(packageFile('dist/dashboard/'));

/** What a reload changes is read at the time of each request. */
export function adminOptions(settings: Settings, tls: Tls | undefined): AdminOptions {
  const { host, adminPort: port, allowedHosts, maxMessageBytes } = settings;
  return {
    host,
    port,
    allowedHosts,
    maxMessageBytes,
    dashboard: DASHBOARD,
    tls,
    get adminToken() {
      return settings.adminToken;
    },
    get allowedOrigins() {
      return settings.allowedOrigins;
    },
  };
}

/** What the admin API shows of history. */
export function historyOf(
  settings: Settings,
  memory: HubMemory,
): Pick<AdminDeps, 'history' | 'historyUsage'> {
  const log = attachHistory(memory.history);
  const { devices } = new PresenceReader(memory.presence);
  const limits = { eventsMax: settings.historyEvents, ttlMs: settings.historyTtlMs };
  return {
    history: new HistoryReader(log, devices, limits, systemClock),
    historyUsage: () => historyUsage(log),
  };
}
