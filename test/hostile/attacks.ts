/** Every attack, worst first as they were once. */
import type { Attack } from './attack.ts';
import { connectionAttacks } from './attacks/connections.ts';
import { deviceAttacks } from './attacks/devices.ts';
import { idAttacks } from './attacks/ids.ts';
import { mqttAttacks } from './attacks/mqtt.ts';
import { subscriberAttacks } from './attacks/subscribers.ts';

export const attacks: readonly Attack[] = [
  ...connectionAttacks,
  ...subscriberAttacks,
  ...deviceAttacks,
  ...idAttacks,
  ...mqttAttacks,
];

/** @throws Error that names those there are */
export function attackNamed(name: string): Attack {
  const attack = attacks.find((one) => one.name === name);
  if (attack === undefined)
    throw new Error(`no attack ${name}; there are ${attacks.map((one) => one.name).join(', ')}`);
  return attack;
}
