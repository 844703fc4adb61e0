/** Devices: list, look at, terminate, publish as one. */

import type { z } from 'zod';
import { Numbering } from '../presence/columns.ts';
import { DeviceState } from '../presence/lifecycle.ts';
import { ToOwner } from '../records/commands.ts';
import { defaultPriorities, EventType, Priority } from '../wire/events.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps, AdminOptions } from './deps.ts';
import { AdminError } from './errors.ts';
import { readEvents } from './events.ts';
import { getFrom, isNodeCall, nodeNames } from './node-calls.ts';
import { terminate } from './node-endings.ts';
import { missing, pageOverNodes } from './node-pages.ts';
import { operate, pending } from './operate.ts';
import { collectPage, decodeCursor, encodeCursor, parameters } from './pages.ts';
import { type DeviceEntry, readDevice } from './rows.ts';
import {
  answers,
  answersToChange,
  deviceEntry,
  devicePath,
  deviceQuery,
  deviceRemoved,
  devicesPage,
  devicesQuery,
  eventsPage,
  eventsQuery,
  noQuery,
  publication,
  published,
} from './schemas.ts';

/** `/v1/devices` and below, but for the rows of subscribers. */
export function deviceRoutes(app: AdminApp, deps: AdminDeps, options: AdminOptions): void {
  app.get(
    '/v1/devices',
    {
      schema: {
        querystring: devicesQuery,
        summary: 'List devices in pages; a page may be shorter than its limit without being the last',
        response: answers(devicesPage),
      },
    },
    async (request) => {
      const { query } = request;
      if (query.scope !== 'cluster' || deps.cluster === undefined)
        return listDevices(deps, query, isNodeCall(request));
      const { items, cursor, missingNodes } = await pageOverNodes<DeviceEntry>(deps, query, {
        own: async (inner, limit) => {
          const page = await listDevices(deps, { ...query, cursor: inner, limit }, true);
          return { items: page.devices, cursor: page.cursor };
        },
        url: (inner, limit) =>
          `/v1/devices?${parameters({ ...query, scope: undefined, cursor: inner, limit })}`,
        items: (answer) => (answer as { devices: DeviceEntry[] }).devices,
      });
      return { devices: [...items], cursor, ...missing(missingNodes) };
    },
  );

  app.get(
    '/v1/devices/:device',
    {
      config: { runsAt: 'device' },
      schema: {
        params: devicePath,
        querystring: deviceQuery,
        summary: 'One device',
        response: answers(deviceEntry, 'not_found'),
      },
    },
    async ({ params, query }) => {
      const { entry } = findDevice(deps, params.device);
      return query.scope === 'node' ? entry : { ...entry, subscribers: await countsOver(deps, entry) };
    },
  );

  app.delete(
    '/v1/devices/:device',
    {
      config: { runsAt: 'home' },
      schema: {
        params: devicePath,
        querystring: noQuery,
        summary: 'Terminate a device: close its connection, remove its subscriptions and its entry',
        response: answersToChange(deviceRemoved, 'not_found'),
      },
    },
    async ({ params: { device } }) => {
      return { device, removed: true as const, ...pending(await terminate(deps, device)) };
    },
  );

  eventRoutes(app, deps, options);
}

/** What a device has said, and what is said in its name. */
function eventRoutes(app: AdminApp, deps: AdminDeps, { maxMessageBytes }: AdminOptions): void {
  app.get(
    '/v1/devices/:device/events',
    {
      config: { runsAt: 'device' },
      schema: {
        params: devicePath,
        querystring: eventsQuery,
        summary: 'Kept events of a device, newest first',
        response: answers(eventsPage, 'not_found'),
      },
    },
    async ({ params: { device }, query: { limit, before } }) => {
      const { slot, entry } = findDevice(deps, device);
      const page = readEvents(deps, slot, entry.seq, limit, before);
      return { ...page, epoch: entry.epoch };
    },
  );

  app.post(
    '/v1/devices/:device/events',
    {
      config: { keepsData: true, runsAt: 'device' },
      schema: {
        params: devicePath,
        querystring: noQuery,
        body: publication,
        summary: 'Publish as the device',
        response: answersToChange(published, 'not_found'),
      },
    },
    async ({ params: { device }, body, dataText }) => {
      const payload = Buffer.from(dataText);
      if (payload.length > maxMessageBytes) {
        const message = `data takes ${payload.length} bytes, expected at most ${maxMessageBytes}`;
        throw new AdminError('payload_too_large', message);
      }
      const type = EventType[body.type];
      const { seq = 0, skipped } = await operate(deps, {
        kind: ToOwner.Publish,
        device,
        type,
        priority: body.priority === undefined ? defaultPriorities[type] : Priority[body.priority],
        deviceStatus: body.status ?? '',
        payload,
        at: deps.clock.wallNow(),
      });
      return skipped === true ? { seq, skipped: true as const } : { seq };
    },
  );
}

type DevicesQuery = z.infer<typeof devicesQuery>;

/** A page of this node. @param ofCluster only devices whose home it is: the others are those of other nodes, or nobody's */
async function listDevices(deps: AdminDeps, query: DevicesQuery, ofCluster: boolean) {
  const { home, known } = deps.presence.devices.rows;
  const wanted = query.state === undefined ? undefined : DeviceState[query.state];
  const from = query.cursor === undefined ? 0 : decodeCursor(query.cursor);
  if (from < 0) throw new AdminError('bad_request', 'the cursor belongs to a list over all nodes');
  const search = query.search?.toLowerCase() ?? '';
  const needle = Buffer.from(search);
  const passes = (state: number, slot: number): boolean => {
    if (wanted !== undefined && state !== wanted) return false;
    if (Atomics.load(home, slot) === Numbering.elsewhere && (ofCluster || Atomics.load(known, slot) === 1))
      return false;
    return needle.length === 0 || deps.presence.deviceIdIncludes(slot, needle);
  };
  const { slots, next } = await collectPage(from, query.limit, (start, limit) =>
    deps.presence.deviceSlots(start, limit, passes),
  );
  const devices = slots
    .map((slot) => readDevice(deps, slot))
    .filter((entry) => entry !== undefined)
    .filter(({ state }) => query.state === undefined || state === query.state) // it may have changed since
    .filter(({ device }) => device.toLowerCase().includes(search));
  return { devices, cursor: encodeCursor(next) };
}

/** Live subscriptions are counted on every node; what operators set is the same on each. */
async function countsOver(
  deps: AdminDeps,
  { device, subscribers }: DeviceEntry,
): Promise<DeviceEntry['subscribers']> {
  if (deps.cluster === undefined) return subscribers;
  const sum = { ...subscribers };
  const others = (await nodeNames(deps)).filter((node) => node !== deps.cluster!.node);
  const url = `/v1/devices/${encodeURIComponent(device)}?scope=node`;
  const entries = await Promise.all(others.map((node) => getFrom(deps, node, url).catch(() => undefined)));
  for (const entry of entries as (DeviceEntry | undefined)[]) {
    sum.active += entry?.subscribers.active ?? 0;
    sum.inactive += entry?.subscribers.inactive ?? 0;
  }
  return sum;
}

/** @throws AdminError not_found */
export function findDevice(deps: AdminDeps, device: string): { slot: number; entry: DeviceEntry } {
  const slot = deps.presence.findDevice(device);
  const entry = slot < 0 ? undefined : readDevice(deps, slot);
  if (entry === undefined || entry.device !== device)
    throw new AdminError('not_found', `no device "${device}"`);
  return { slot, entry };
}
