/** Subscriptions by device and by subscriber: list, set, remove; kick a subscriber. */
import type { z } from 'zod';
import { ToOwner } from '../records/commands.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { isNodeCall } from './node-calls.ts';
import { kick } from './node-endings.ts';
import { nodeOfDevice } from './node-homes.ts';
import { missing, pageOverNodes } from './node-pages.ts';
import { operate, pending } from './operate.ts';
import { collectPage, decodeCursor, encodeCursor, parameters } from './pages.ts';
import { findDevice } from './routes-devices.ts';
import { type RowEntry, readDeviceOfRow, readRow, readSubscriberFilters } from './rows.ts';
import {
  answers,
  answersToChange,
  devicePath,
  kickQuery,
  noQuery,
  pageQuery,
  rowAnswer,
  rowChange,
  rowPath,
  rowRemoved,
  rowsPage,
  rowsQuery,
  subscriberPage,
  subscriberPath,
  subscriberRemoved,
  subscribersPage,
  subscribersQuery,
} from './schemas.ts';
import { readSubscribers, type SubscriberEntry } from './subscribers.ts';

/** `/v1/subscribers` and below, and the rows of devices and subscribers. */
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
    async (request) => {
      const { query } = request;
      if (query.scope !== 'cluster' || deps.cluster === undefined)
        return listSubscribers(deps, query, isNodeCall(request));
      const { items, cursor, missingNodes } = await pageOverNodes<SubscriberEntry>(deps, query, {
        own: async (inner, limit) => {
          const page = await listSubscribers(deps, { ...query, cursor: inner, limit }, true);
          return { items: page.subscribers, cursor: page.cursor };
        },
        url: (inner, limit) =>
          `/v1/subscribers?${parameters({ ...query, scope: undefined, cursor: inner, limit })}`,
        items: (answer) => (answer as { subscribers: SubscriberEntry[] }).subscribers,
      });
      return { subscribers: [...items], cursor, ...missing(missingNodes) };
    },
  );

  app.get(
    '/v1/subscribers/:subscriber',
    {
      config: { runsAt: 'subscriber' },
      schema: {
        params: subscriberPath,
        querystring: pageQuery,
        summary: 'One subscriber, its filters and its subscriptions',
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
      const filters = await readSubscriberFilters(deps, slot);
      return { ...entry, filters, devices, cursor: encodeCursor(next) };
    },
  );

  app.delete(
    '/v1/subscribers/:subscriber',
    {
      config: { runsAt: 'subscriber' },
      schema: {
        params: subscriberPath,
        querystring: kickQuery,
        summary:
          'Kick a subscriber: close its connection and remove its subscriptions; what operators set stays',
        response: answersToChange(subscriberRemoved, 'not_found'),
      },
    },
    async ({ params: { subscriber }, query: { forget } }) => {
      const pendingNodes = await kick(deps, subscriber, forget);
      return { subscriber, removed: true as const, ...pending(pendingNodes) };
    },
  );
}

function rowRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/v1/devices/:device/subscribers',
    {
      schema: {
        params: devicePath,
        querystring: rowsQuery,
        summary: 'Who follows a device, in pages',
        response: answers(rowsPage, 'not_found'),
      },
    },
    async (request) => {
      const { params, query } = request;
      const { device } = params;
      if (deps.cluster === undefined || isNodeCall(request)) {
        const isLive = ({ status }: RowEntry) => status === 'active' || status === 'inactive';
        return listRows(deps, device, query, isNodeCall(request) ? isLive : () => true);
      }
      const isHere = deps.presence.findDevice(device) >= 0;
      if (!isHere && (await nodeOfDevice(deps, device)) === undefined)
        throw new AdminError('not_found', `no device "${device}"`);
      const { items, cursor, missingNodes } = await pageOverNodes<RowEntry>(deps, query, {
        own: async (inner, limit) => {
          if (!isHere) return { items: [], cursor: null };
          const page = await listRows(deps, device, { ...query, cursor: inner, limit }, () => true);
          return { items: page.subscribers, cursor: page.cursor };
        },
        url: (inner, limit) => {
          const cursor = inner === undefined ? '' : `&cursor=${inner}`;
          return `/v1/devices/${encodeURIComponent(device)}/subscribers?limit=${limit}${cursor}`;
        },
        items: (answer) => (answer as { subscribers: RowEntry[] }).subscribers,
      });
      return { subscribers: [...items], cursor, ...missing(missingNodes) };
    },
  );

  app.put(
    '/v1/devices/:device/subscribers/:subscriber',
    {
      config: { runsAt: 'subscriber' },
      schema: {
        params: rowPath,
        querystring: noQuery,
        body: rowChange,
        summary: 'Set the status of a pair, or make its subscriber a vip',
        response: answersToChange(rowAnswer, 'not_found', 'over_capacity'),
      },
    },
    async ({ params: { device, subscriber }, body: { status, vip } }) => {
      const { slot = -1, pendingNodes } = await operate(deps, {
        kind: ToOwner.SetRow,
        device,
        subscriber,
        status,
        vip,
      });
      const read = readRow(deps, slot);
      if (read?.entry.subscriber !== subscriber || read.device !== deps.presence.findDevice(device))
        throw new AdminError('not_found', 'the row was removed in the meantime');
      return { ...read.entry, ...pending(pendingNodes) };
    },
  );

  app.delete(
    '/v1/devices/:device/subscribers/:subscriber',
    {
      config: { runsAt: 'subscriber' },
      schema: {
        params: rowPath,
        querystring: noQuery,
        summary: 'Remove a row and notify the subscriber',
        response: answersToChange(rowRemoved, 'not_found'),
      },
    },
    async ({ params: { device, subscriber } }) => {
      const { pendingNodes } = await operate(deps, { kind: ToOwner.RemoveRow, device, subscriber });
      return { device, subscriber, removed: true as const, ...pending(pendingNodes) };
    },
  );
}

type SubscribersQuery = z.infer<typeof subscribersQuery>;

/** A page of this node. @param ofCluster who is only known by what operators set is not here, as on every other node */
async function listSubscribers(deps: AdminDeps, query: SubscribersQuery, ofCluster: boolean) {
  const from = query.cursor === undefined ? 0 : decodeCursor(query.cursor);
  if (from < 0) throw new AdminError('bad_request', 'the cursor belongs to a list over all nodes');
  const search = query.search?.toLowerCase() ?? '';
  const needle = Buffer.from(search);
  const { slots, next } = await collectPage(from, query.limit, (start, limit) =>
    deps.presence.subscriberSlots(
      start,
      limit,
      (slot) => needle.length === 0 || deps.presence.subscriberIdIncludes(slot, needle),
    ),
  );
  const entries = await readSubscribers(deps, slots, ({ subscriber }) =>
    subscriber.toLowerCase().includes(search),
  );
  const isHere = ({ connected, subscriptions }: SubscriberEntry): boolean =>
    connected || subscriptions.active + subscriptions.inactive > 0;
  return { subscribers: ofCluster ? entries.filter(isHere) : entries, cursor: encodeCursor(next) };
}

/** A page of this node. */
async function listRows(
  deps: AdminDeps,
  device: string,
  { cursor, limit }: { readonly cursor?: string | undefined; readonly limit: number },
  passes: (row: RowEntry) => boolean,
) {
  const { slot } = findDevice(deps, device);
  const from = cursor === undefined ? 0 : decodeCursor(cursor);
  if (from < 0) throw new AdminError('bad_request', 'the cursor belongs to a list over all nodes');
  const { slots, next } = await collectPage(from, limit, (start, most) =>
    deps.presence.subscriptionSlotsOfDevice(slot, start, most),
  );
  const subscribers = slots
    .map((pair) => readRow(deps, pair))
    .filter((read) => read?.device === slot)
    .map((read) => read!.entry)
    .filter(passes);
  return { subscribers, cursor: encodeCursor(next) };
}
