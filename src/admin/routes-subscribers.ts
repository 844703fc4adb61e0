/** Subscriptions by device and by subscriber: list, set, remove; kick a subscriber. */
import { ToOwner } from '../records/commands.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { operate } from './operate.ts';
import { collectPage, decodeCursor, encodeCursor } from './pages.ts';
import { findDevice } from './routes-devices.ts';
import { readDeviceOfRow, readRow } from './rows.ts';
import {
  answers,
  devicePath,
  kickQuery,
  noQuery,
  pageQuery,
  rowChange,
  rowEntry,
  rowPath,
  rowRemoved,
  rowsPage,
  subscriberPage,
  subscriberPath,
  subscriberRemoved,
  subscribersPage,
  subscribersQuery,
} from './schemas.ts';
import { readSubscribers } from './subscribers.ts';

export function subscriberRoutes(app: AdminApp, deps: AdminDeps): void {
  rowRoutes(app, deps);

  app.get(
    '/v1/subscribers',
    {
      schema: {
        querystring: subscribersQuery,
        summary: 'Subscribers, a page at a time; a page may be short and not be the last',
        response: answers(subscribersPage),
      },
    },
    async ({ query }) => {
      const from = query.cursor === undefined ? 0 : decodeCursor(query.cursor);
      const search = query.search?.toLowerCase() ?? '';
      const needle = Buffer.from(search);
      const { slots, next } = await collectPage(from, query.limit, (start, limit) =>
        deps.presence.subscriberSlots(
          start,
          limit,
          (slot) => needle.length === 0 || deps.presence.subscriberIdIncludes(slot, needle),
        ),
      );
      const subscribers = await readSubscribers(deps, slots, ({ subscriber }) =>
        subscriber.toLowerCase().includes(search),
      );
      return { subscribers, cursor: encodeCursor(next) };
    },
  );

  app.get(
    '/v1/subscribers/:subscriber',
    {
      schema: {
        params: subscriberPath,
        querystring: pageQuery,
        summary: 'One subscriber and its subscriptions',
        response: answers(subscriberPage, 'not_found'),
      },
    },
    async ({ params, query }) => {
      const slot = deps.presence.findSubscriber(params.subscriber);
      const [entry] = slot < 0 ? [] : await readSubscribers(deps, [slot]);
      if (entry?.subscriber !== params.subscriber)
        throw new AdminError('not_found', `no subscriber "${params.subscriber}"`);
      const from = query.cursor === undefined ? 0 : decodeCursor(query.cursor);
      const { slots, next } = await collectPage(from, query.limit, (start, limit) =>
        deps.presence.subscriptionSlotsOfSubscriber(slot, start, limit),
      );
      const devices = slots
        .map((pair) => readDeviceOfRow(deps, pair))
        .filter((read) => read?.subscriber === slot)
        .map((read) => read!.entry);
      return { ...entry, devices, cursor: encodeCursor(next) };
    },
  );

  app.delete(
    '/v1/subscribers/:subscriber',
    {
      schema: {
        params: subscriberPath,
        querystring: kickQuery,
        summary:
          'Kick a subscriber: close its connection and remove its subscriptions; what operators set stays',
        response: answers(subscriberRemoved, 'not_found'),
      },
    },
    async ({ params: { subscriber }, query: { forget } }) => {
      await operate(deps, { kind: ToOwner.Kick, subscriber, forget });
      return { subscriber, removed: true as const };
    },
  );
}

function rowRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/v1/devices/:device/subscribers',
    {
      schema: {
        params: devicePath,
        querystring: pageQuery,
        summary: 'Who follows a device, in pages',
        response: answers(rowsPage, 'not_found'),
      },
    },
    async ({ params, query }) => {
      const { slot } = findDevice(deps, params.device);
      const from = query.cursor === undefined ? 0 : decodeCursor(query.cursor);
      const { slots, next } = await collectPage(from, query.limit, (start, limit) =>
        deps.presence.subscriptionSlotsOfDevice(slot, start, limit),
      );
      const subscribers = slots
        .map((pair) => readRow(deps, pair))
        .filter((read) => read?.device === slot)
        .map((read) => read!.entry);
      return { subscribers, cursor: encodeCursor(next) };
    },
  );

  app.put(
    '/v1/devices/:device/subscribers/:subscriber',
    {
      schema: {
        params: rowPath,
        querystring: noQuery,
        body: rowChange,
        summary: 'Set the status of a pair, or make its subscriber a vip',
        response: answers(rowEntry, 'not_found', 'over_capacity', 'unsupported_media_type'),
      },
    },
    async ({ params: { device, subscriber }, body: { status, vip } }) => {
      const { slot = -1 } = await operate(deps, { kind: ToOwner.SetRow, device, subscriber, status, vip });
      const read = readRow(deps, slot);
      if (read?.entry.subscriber !== subscriber || read.device !== deps.presence.findDevice(device))
        throw new AdminError('not_found', 'the row was removed in the meantime');
      return read.entry;
    },
  );

  app.delete(
    '/v1/devices/:device/subscribers/:subscriber',
    {
      schema: {
        params: rowPath,
        querystring: noQuery,
        summary: 'Remove a row and notify the subscriber',
        response: answers(rowRemoved, 'not_found'),
      },
    },
    async ({ params: { device, subscriber } }) => {
      await operate(deps, { kind: ToOwner.RemoveRow, device, subscriber });
      return { device, subscriber, removed: true as const };
    },
  );
}
