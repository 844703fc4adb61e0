/** Devices: list, look at, terminate, publish as one. */

import { DeviceState } from '../presence/lifecycle.ts';
import { ToOwner } from '../records/commands.ts';
import { defaultPriorities, EventType, Priority } from '../wire/events.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps, AdminOptions } from './deps.ts';
import { AdminError } from './errors.ts';
import { readEvents } from './events.ts';
import { operate } from './operate.ts';
import { collectPage, decodeCursor, encodeCursor } from './pages.ts';
import { type DeviceEntry, readDevice } from './rows.ts';
import {
  answers,
  deviceEntry,
  devicePath,
  deviceRemoved,
  devicesPage,
  devicesQuery,
  eventsPage,
  eventsQuery,
  noQuery,
  publication,
  published,
} from './schemas.ts';

export function deviceRoutes(app: AdminApp, deps: AdminDeps, { maxMessageBytes }: AdminOptions): void {
  app.get(
    '/v1/devices',
    {
      schema: {
        querystring: devicesQuery,
        summary: 'List devices in pages; a page may be shorter than its limit without being the last',
        response: answers(devicesPage),
      },
    },
    async ({ query }) => {
      const wanted = query.state === undefined ? undefined : DeviceState[query.state];
      const from = query.cursor === undefined ? 0 : decodeCursor(query.cursor);
      const search = query.search?.toLowerCase() ?? '';
      const needle = Buffer.from(search);
      const passes = (state: number, slot: number): boolean =>
        (wanted === undefined || state === wanted) &&
        (needle.length === 0 || deps.presence.deviceIdIncludes(slot, needle));
      const { slots, next } = await collectPage(from, query.limit, (start, limit) =>
        deps.presence.deviceSlots(start, limit, passes),
      );
      const devices = slots
        .map((slot) => readDevice(deps, slot))
        .filter((entry) => entry !== undefined)
        .filter(({ state }) => query.state === undefined || state === query.state) // it may have changed since
        .filter(({ device }) => device.toLowerCase().includes(search));
      return { devices, cursor: encodeCursor(next) };
    },
  );

  app.get(
    '/v1/devices/:device',
    {
      schema: {
        params: devicePath,
        querystring: noQuery,
        summary: 'One device',
        response: answers(deviceEntry, 'not_found'),
      },
    },
    async ({ params }) => findDevice(deps, params.device).entry,
  );

  app.delete(
    '/v1/devices/:device',
    {
      schema: {
        params: devicePath,
        querystring: noQuery,
        summary: 'Terminate a device: close its connection, remove its subscriptions and its entry',
        response: answers(deviceRemoved, 'not_found'),
      },
    },
    async ({ params: { device } }) => {
      await operate(deps, { kind: ToOwner.Terminate, device });
      return { device, removed: true as const };
    },
  );

  app.get(
    '/v1/devices/:device/events',
    {
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
      config: { keepsData: true },
      schema: {
        params: devicePath,
        querystring: noQuery,
        body: publication,
        summary: 'Publish as the device',
        response: answers(published, 'not_found', 'payload_too_large', 'unsupported_media_type'),
      },
    },
    async ({ params: { device }, body, dataText }) => {
      const payload = Buffer.from(dataText);
      if (payload.length > maxMessageBytes) {
        const message = `data takes ${payload.length} bytes, accepted: at most ${maxMessageBytes}`;
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

/** @throws AdminError not_found */
export function findDevice(deps: AdminDeps, device: string): { slot: number; entry: DeviceEntry } {
  const slot = deps.presence.findDevice(device);
  const entry = slot < 0 ? undefined : readDevice(deps, slot);
  if (entry === undefined || entry.device !== device)
    throw new AdminError('not_found', `no device "${device}"`);
  return { slot, entry };
}
