import { describe, expect, it } from 'vitest';
import { createHome, depart, type Home, HomePhase } from '../../src/cluster/home.ts';
import { Leaves } from '../../src/cluster/leaves.ts';
import { LEAVES_MAX } from '../../src/cluster/limits.ts';
import type { Peer } from '../../src/cluster/peer.ts';
import { HomeKind } from '../../src/cluster/records.ts';

const homeOf = (id: string): Home => createHome(HomeKind.subscriber, id, 1, false);

/** Where there is one keeper with room, unless it is said otherwise. */
function withKeeper() {
  const keeper = { session: { hasRoom: true } };
  const place = {
    keeper: keeper as { session: { hasRoom: boolean } } | undefined,
    departed: [] as string[],
    handed: [] as string[],
  };
  const leaves = new Leaves({
    keeperOf: () => place.keeper as Peer | undefined,
    depart: (home) => place.departed.push(home.id),
    handOver: (home) => place.handed.push(home.id),
  });
  return { place, keeper, leaves };
}

describe('What a draining node leaves', () => {
  it('goes at once, so many at a time', () => {
    const { place, leaves } = withKeeper();
    const homes = Array.from({ length: LEAVES_MAX + 2 }, (_, n) => homeOf(`sub-${n}`));
    for (const home of homes) leaves.add(home);
    expect(place.departed).toHaveLength(LEAVES_MAX);
    leaves.over(homes[5]!);
    leaves.over(homes[5]!);
    expect(place.departed).toHaveLength(LEAVES_MAX + 1);
    leaves.over(homes.at(-1)!); // it has gone another way
    leaves.over(homes[6]!);
    expect(place.departed).toHaveLength(LEAVES_MAX + 1);
  });

  it('waits for room on the way', () => {
    const { place, keeper, leaves } = withKeeper();
    keeper.session.hasRoom = false;
    leaves.add(homeOf('sub-1'));
    leaves.goOn();
    expect(place.departed).toEqual([]);
    keeper.session.hasRoom = true;
    leaves.goOn();
    leaves.goOn();
    expect(place.departed).toEqual(['sub-1']);
  });

  it('is handed over as there is room once more, whatever its size', () => {
    const { place, keeper, leaves } = withKeeper();
    const [first, second] = [homeOf('sub-1'), homeOf('sub-2')];
    for (const home of [first, second]) leaves.add(home);
    leaves.letGo(first);
    keeper.session.hasRoom = false;
    leaves.letGo(second);
    expect(place.handed).toEqual(['sub-1']);
    leaves.over(first);
    expect([place.handed, leaves.isBusy]).toEqual([['sub-1'], true]);
    keeper.session.hasRoom = true;
    leaves.goOn();
    leaves.over(second);
    leaves.goOn();
    expect([place.handed, leaves.isBusy]).toEqual([['sub-1', 'sub-2'], false]);
  });

  it('is handed over at once to a node that asked for it', () => {
    const { place, keeper, leaves } = withKeeper();
    keeper.session.hasRoom = false;
    const asked = homeOf('sub-1');
    depart(asked, HomePhase.leaving, place.keeper as Peer);
    leaves.letGo(asked);
    expect(place.handed).toEqual(['sub-1']);
  });

  it('stays where nobody takes it, or where it is connected or on its way by then', () => {
    const { place, keeper, leaves } = withKeeper();
    keeper.session.hasRoom = false;
    const [connected, leaving] = [homeOf('sub-1'), homeOf('sub-2')];
    leaves.add(connected);
    leaves.add(leaving);
    connected.connected = true;
    leaving.phase = HomePhase.leaving;
    keeper.session.hasRoom = true;
    leaves.goOn();
    place.keeper = undefined;
    leaves.add(homeOf('sub-3'));
    place.keeper = keeper;
    leaves.goOn();
    expect(place.departed).toEqual([]);
  });
});
