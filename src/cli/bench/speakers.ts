/** The peers of a load as they connect: address, id and token. */
import { CliFailure, Exit } from '../failure.ts';
import { signingKey, signToken } from '../signing.ts';
import { deviceId, followedDevices, type Load, subscriberId } from './load.ts';
import type { LoadTarget } from './messages.ts';
import type { Speaker, SpeakerRole } from './wires/wire.ts';

/** Makes the speakers of a target. Signing ten thousand tokens takes a second or two. */
export class Speakers {
  readonly #target: LoadTarget;
  readonly #load: Load;

  constructor(target: LoadTarget, load: Load) {
    this.#target = target;
    this.#load = load;
  }

  async device(device: number): Promise<Speaker> {
    const id = deviceId(device, this.#load);
    return {
      role: 'device',
      id,
      url: new URL(this.#target.deviceUrl),
      devices: [],
      token: await this.#token('device', device, id),
    };
  }

  async subscriber(subscriber: number): Promise<Speaker> {
    const id = subscriberId(subscriber, this.#load);
    const { filter, query = '' } = this.#load;
    const devices =
      filter === undefined
        ? followedDevices(this.#load, subscriber).map((device) => deviceId(device, this.#load))
        : [filter];
    const url = new URL(this.#target.subscriberUrl);
    for (const [name, value] of new URLSearchParams(query)) url.searchParams.append(name, value);
    return { role: 'subscriber', id, url, devices, token: await this.#token('subscriber', subscriber, id) };
  }

  async #token(role: SpeakerRole, peer: number, sub: string): Promise<string> {
    const { signer, tokens } = this.#target;
    if (tokens !== undefined) return tokens[role][peer]!.token;
    if (signer === undefined) return '';
    const key = signingKey(signer.keyFile);
    if (key === undefined) throw new CliFailure(Exit.config, 'no key to sign tokens with');
    return signToken(key, { sub, role }, signer.lifetimeSeconds);
  }
}
