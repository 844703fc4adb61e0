/** Where the page is: after the `#`, so that a reload and a link lead back, and the hub serves one page. */

export interface DevicesRoute {
  readonly view: 'devices';
  readonly search: string;
  readonly state: string;
  /** A column, with a `-` in front for descending order. */
  readonly sort: string;
  /** From 1. */
  readonly page: number;
}

export interface FollowRoute {
  readonly view: 'follow';
  /** An id, a prefix ending in `*`, or `*`; '' before there is one. */
  readonly filter: string;
  readonly state: string;
  readonly sort: string;
  readonly page: number;
  /** Milliseconds between two updates. */
  readonly every: number;
}

export interface SubscribersRoute {
  readonly view: 'subscribers';
  readonly search: string;
  /** Of the page shown, '' for the first. */
  readonly cursor: string;
}

export interface ActivityRoute {
  readonly view: 'activity';
  /** `actions`, `refusals`, or '' for both. */
  readonly show: string;
}

export type Route =
  | { readonly view: 'overview' | 'rules' | 'cluster' }
  | ActivityRoute
  | DevicesRoute
  | FollowRoute
  | SubscribersRoute
  | { readonly view: 'device'; readonly device: string }
  | { readonly view: 'subscriber'; readonly subscriber: string };

export const devicesRoute: DevicesRoute = { view: 'devices', search: '', state: '', sort: 'device', page: 1 };
export const PACES_MS = [1000, 2000, 5000, 10_000, 60_000] as const;
export const followRoute: FollowRoute = {
  view: 'follow',
  filter: '',
  state: '',
  sort: 'device',
  page: 1,
  every: 1000,
};
const subscribersRoute: SubscribersRoute = { view: 'subscribers', search: '', cursor: '' };

const activityRoute: ActivityRoute = { view: 'activity', show: '' };

const plainViews = ['rules', 'cluster'] as const;

export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [view = '', id = ''] = path.split('/');
  const parameters = new URLSearchParams(query);
  const text = (name: string, otherwise = ''): string => parameters.get(name) ?? otherwise;
  if (view === 'devices') {
    if (id !== '') return { view: 'device', device: decode(id) };
    const { sort } = devicesRoute;
    return {
      view,
      search: text('search'),
      state: text('state'),
      sort: text('sort', sort),
      page: pageOf(text('page')),
    };
  }
  if (view === 'follow') {
    return {
      view,
      filter: text('filter'),
      state: text('state'),
      sort: text('sort', followRoute.sort),
      page: pageOf(text('page')),
      every: PACES_MS.find((pace) => String(pace) === text('every')) ?? followRoute.every,
    };
  }
  if (view === 'subscribers') {
    if (id !== '') return { view: 'subscriber', subscriber: decode(id) };
    return { view, search: text('search'), cursor: text('cursor') };
  }
  if (view === 'activity') return { view, show: text('show') };
  return { view: plainViews.find((each) => each === view) ?? 'overview' };
}

/** What is as it is without being said is left out. */
export function hashOf(route: Route): string {
  switch (route.view) {
    case 'overview':
      return '#/';
    case 'device':
      return `#/devices/${encodeURIComponent(route.device)}`;
    case 'subscriber':
      return `#/subscribers/${encodeURIComponent(route.subscriber)}`;
    case 'devices':
      return withQuery('#/devices', route, devicesRoute);
    case 'follow':
      return withQuery('#/follow', route, followRoute);
    case 'subscribers':
      return withQuery('#/subscribers', route, subscribersRoute);
    case 'activity':
      return withQuery('#/activity', route, activityRoute);
    default:
      return `#/${route.view}`;
  }
}

function withQuery<Of extends Route>(path: string, route: Of, plain: Of): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(route)) {
    if (value !== plain[name as keyof Of]) query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

function pageOf(text: string): number {
  return /^[1-9][0-9]{0,5}$/.test(text) ? Number(text) : 1;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
