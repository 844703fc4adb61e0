import { describe, expect, it } from 'vitest';
import { devicesRoute, followRoute, hashOf, type Route, routeOf } from '../../dashboard/src/route.ts';

const routes: readonly (readonly [hash: string, route: Route])[] = [
  ['#/', { view: 'overview' }],
  ['#/rules', { view: 'rules' }],
  ['#/activity', { view: 'activity', show: '' }],
  ['#/activity?show=refusals', { view: 'activity', show: 'refusals' }],
  ['#/cluster', { view: 'cluster' }],
  ['#/devices', devicesRoute],
  [
    '#/devices?search=a&state=online&sort=-events&page=3',
    { view: 'devices', search: 'a', state: 'online', sort: '-events', page: 3 },
  ],
  ['#/devices/site-a%3Aunit-1', { view: 'device', device: 'site-a:unit-1' }],
  ['#/follow', followRoute],
  [
    '#/follow?filter=site-a.*&page=2&every=5000',
    { ...followRoute, filter: 'site-a.*', page: 2, every: 5000 },
  ],
  ['#/subscribers?search=board', { view: 'subscribers', search: 'board', cursor: '' }],
  ['#/subscribers/board-1', { view: 'subscriber', subscriber: 'board-1' }],
];

describe('the address of a view', () => {
  it.each(routes)('%s leads to the view, and back', (hash, route) => {
    expect(routeOf(hash)).toEqual(route);
    expect(hashOf(route)).toBe(hash);
  });

  it('that cannot be leads to something that can', () => {
    expect(routeOf('#/nowhere')).toEqual({ view: 'overview' });
    expect(routeOf('#/devices?page=-1')).toEqual(devicesRoute);
    expect(routeOf('#/follow?every=1')).toEqual(followRoute);
    expect(routeOf('#/devices/%')).toEqual({ view: 'device', device: '%' });
  });
});
