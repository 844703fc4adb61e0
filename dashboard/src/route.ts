/** Where the page is: after the `#`, so that a reload and a link lead back, and the hub serves one page. */

export type Route =
  | { readonly view: 'overview' }
  | { readonly view: 'devices'; readonly search: string; readonly state: string }
  | { readonly view: 'device'; readonly device: string };

export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [view, id] = path.split('/');
  if (view === 'devices' && id !== undefined && id !== '') return { view: 'device', device: decode(id) };
  if (view !== 'devices') return { view: 'overview' };
  const parameters = new URLSearchParams(query);
  return { view: 'devices', search: parameters.get('search') ?? '', state: parameters.get('state') ?? '' };
}

export function hashOf(route: Route): string {
  if (route.view === 'overview') return '#/';
  if (route.view === 'device') return `#/devices/${encodeURIComponent(route.device)}`;
  const query = new URLSearchParams();
  if (route.search !== '') query.set('search', route.search);
  if (route.state !== '') query.set('state', route.state);
  const text = query.toString();
  return text === '' ? '#/devices' : `#/devices?${text}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
