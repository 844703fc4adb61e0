/**
 * SUBSCRIBE and UNSUBSCRIBE of one client, in order. One request to the hub is in progress at a time. Packets that
 * arrive meanwhile are queued, and consecutive ones of the same kind are merged into the next request. So a burst of a
 * thousand SUBSCRIBE packets costs the hub a few requests.
 */
import { closes, errors } from '../../codes.ts';
import { mayBeDevice } from './connecting.ts';
import { Reason, SUBACK_FAILURE } from './constants.ts';
import { suback, unsuback } from './encode.ts';
import { type Expressed, express } from './filters.ts';
import { type Client, scopeNameOf } from './handshake.ts';
import type { FollowedName, MqttHost } from './host.ts';
import {
  REQUEST_FILTERS_MAX,
  WAITING_FILTER_BYTES_MAX,
  WAITING_FILTERS_MAX,
  WAITING_REQUESTS_MAX,
} from './limits.ts';
import { type OwnInterest, StateNow } from './own-interest.ts';
import type { FilterOptions, Subscribe, Unsubscribe } from './packets.ts';
import { filterReasonOf } from './reasons.ts';
import { MqttSubscriptions, needsAdapting, type Subscription } from './subscriptions.ts';
import type { TopicLayout } from './topics.ts';

/** What `MqttRequests` needs from the session. */
export interface Requester {
  readonly host: MqttHost;
  readonly layout: TopicLayout;
  readonly client: Client;
  readonly subscriptions: MqttSubscriptions;
  readonly interest: OwnInterest;
  readonly hasEnded: boolean;
  /** Sends an answer. Its reason string is dropped if unwanted or too large for the client. */
  answer(make: (message: string) => Uint8Array, message: string): void;
  becomeSubscriber(): void;
  /** @param done called once every event passes through the session; not if the connection ends before */
  deliverOneByOne(done: () => void): void;
  disconnect(reason: number, message: string, code: number): void;
}

type Request = Subscribe | Unsubscribe;

/** A topic filter of a SUBSCRIBE in progress: already refused, or waiting for the hub's answer. */
interface Wanted {
  readonly filter: string;
  readonly refusal: number;
  readonly message: string;
  readonly subscription: Subscription | undefined;
}

const CHARGE_PER_FILTER = 1 / 50;
const OVER_RATE = errors.rateLimit.reason;
const TOO_MANY = 'too many requests wait for an answer';

export class MqttRequests {
  readonly #peer: Requester;
  readonly #waiting: Request[] = [];
  #waitingFilters = 0;
  #waitingBytes = 0;
  /** Ids and prefixes whose follows the hub has ended, and that must be followed again before the next request. */
  #ended: string[] = [];
  #isBusy = false;
  /** Whether the request in progress is the client's. */
  #isAsked = false;
  /** Whether `#next` is running. Synchronous answers must not re-enter it. */
  #isGoing = false;

  constructor(peer: Requester) {
    this.#peer = peer;
  }

  /** Queues a request, or refuses it if the client is over its rate or has too many waiting. */
  add(request: Request): void {
    const bytes = bytesOf(request);
    const isAffordable = this.#peer.host.charge(1 + countOf(request) * CHARGE_PER_FILTER);
    // UNSUBACK of 3.1.1 cannot refuse, so the request is charged and carried out.
    const mustTake = !isSubscribe(request) && this.#peer.client.version === 4;
    if (!isAffordable && !mustTake) this.#refuse(request, OVER_RATE);
    else if (!this.#isBusy || this.#hasRoom(request.filters.length, bytes)) this.#queue(request, bytes);
    else if (!mustTake) this.#refuse(request, TOO_MANY);
    else if (this.#hasRoom(0, 0)) this.#queueNarrowed(request);
    else this.#peer.disconnect(Reason.quotaExceeded, TOO_MANY, closes.rateLimit.code);
  }

  #hasRoom(filters: number, bytes: number): boolean {
    return (
      this.#waiting.length < WAITING_REQUESTS_MAX &&
      this.#waitingFilters + filters <= WAITING_FILTERS_MAX &&
      this.#waitingBytes + bytes <= WAITING_FILTER_BYTES_MAX
    );
  }

  #queue(request: Request, bytes: number): void {
    this.#waiting.push(request);
    this.#waitingFilters += request.filters.length;
    this.#waitingBytes += bytes;
    this.#next();
  }

  /** Names each topic filter once, and only those that the client has or has asked for: so it need not fit. */
  #queueNarrowed(request: Unsubscribe): void {
    const asked = new Set(this.#waiting.filter(isSubscribe).flatMap(filtersOf));
    const { subscriptions } = this.#peer;
    const isKnown = (filter: string): boolean => subscriptions.mayHave(filter) || asked.has(filter);
    const narrowed = { ...request, filters: [...new Set(request.filters)].filter(isKnown) };
    this.#queue(narrowed, bytesOf(narrowed));
  }

  /**
   * A kept session goes on. An operator, or another client of its id, may have ended what follows devices by their ids;
   * with another token, prefixes may match devices that they did not.
   */
  resume(): void {
    const { subscriptions, client } = this.#peer;
    this.refollow(
      subscriptions.scope === scopeNameOf(client) ? subscriptions.devices() : subscriptions.names(),
    );
  }

  /**
   * Follows names again if the client still has them, without past events. What is refused stays ended.
   * @param names ids and prefixes with `*`
   */
  refollow(names: readonly string[]): void {
    for (const name of names) this.#ended.push(name);
    this.#next();
  }

  /**
   * The connection is over. Requests that are not answered take effect in the kept session all the same: they came before
   * its end. When the session goes on, the hub decides about them.
   * @returns whether there were none
   */
  settle(): boolean {
    if (!this.#isAsked && this.#waiting.length === 0) return true;
    const { subscriptions } = this.#peer;
    subscriptions.grantPending();
    for (const request of this.#waiting.splice(0)) {
      if (!isSubscribe(request)) for (const filter of request.filters) subscriptions.delete(filter);
      else
        for (const { subscription } of this.#wantAll(request, new MqttSubscriptions()))
          if (subscription !== undefined) subscriptions.set(subscription);
    }
    return false;
  }

  #refuse(request: Request, message: string): void {
    // UNSUBACK has no code for an exceeded quota.
    const reason = isSubscribe(request) ? Reason.quotaExceeded : Reason.implementationSpecific;
    const codes = Array.from({ length: countOf(request) }, () => this.#code(reason));
    this.#answer(request, codes, message);
  }

  #answer(request: Request, codes: readonly number[], message: string): void {
    const { version } = this.#peer.client;
    const make = isSubscribe(request) ? suback : unsuback;
    this.#peer.answer((text) => make(version, request.packetId, codes, text), message);
  }

  /** Starts the next request unless one is in progress. */
  #next(): void {
    this.#isGoing = true;
    while (!this.#isBusy && !this.#peer.hasEnded) {
      const [first] = this.#waiting;
      if (first === undefined && this.#ended.length === 0) break;
      this.#isBusy = true;
      this.#isAsked = this.#ended.length === 0;
      if (first === undefined || this.#ended.length > 0) this.#followEnded();
      else if (isSubscribe(first)) this.#subscribe(this.#take(isSubscribe));
      else this.#unsubscribe(this.#take(isUnsubscribe));
    }
    this.#isGoing = false;
  }

  #followEnded(): void {
    const { subscriptions, host, client } = this.#peer;
    const follows = this.#ended
      .splice(0, REQUEST_FILTERS_MAX)
      .map((name) => ({ name, kinds: subscriptions.kindsOf(name), retained: 0 }))
      .filter(({ kinds }) => kinds !== 0);
    const finish = (): void => {
      if (this.#ended.length === 0 && subscriptions.scope !== undefined)
        subscriptions.scope = scopeNameOf(client);
      this.#done();
    };
    if (follows.length > 0) host.subscribe(follows, finish);
    else finish();
  }

  /** Dequeues consecutive packets of one kind, up to the limit of one request to the hub. */
  #take<Kind extends Request>(isKind: (request: Request) => request is Kind): Kind[] {
    const taken: Kind[] = [];
    let filters = 0;
    for (const request of this.#waiting) {
      filters += request.filters.length;
      if (!isKind(request) || (taken.length > 0 && filters > REQUEST_FILTERS_MAX)) break;
      taken.push(request);
      this.#waitingFilters -= request.filters.length;
      this.#waitingBytes -= bytesOf(request);
    }
    this.#waiting.splice(0, taken.length);
    return taken;
  }

  #subscribe(requests: readonly Subscribe[]): void {
    const peer = this.#peer;
    const follows = new Map<string, FollowedName>();
    const coming = new MqttSubscriptions();
    let interestNow: StateNow = StateNow.untold;
    const wanted = requests.map((request) => {
      const all = this.#wantAll(request, coming);
      all.forEach(({ subscription }, index) => {
        if (subscription === undefined) return;
        const sendsRetained = this.#sendsRetained(subscription, request.filters[index]!.options);
        this.#follow(subscription, sendsRetained, follows);
        if (subscription.hasInterest && sendsRetained) interestNow = StateNow.retained;
      });
      return all;
    });
    const finish = (errorsByName: ReadonlyMap<string, number>): void => {
      if (peer.hasEnded) return;
      peer.subscriptions.settle();
      requests.forEach((request, index) => void this.#subscribed(request, wanted[index]!, errorsByName));
      if (wanted.flat().some(({ subscription }) => subscription?.hasInterest))
        peer.interest.watch(interestNow);
      this.#done();
    };
    const list = [...follows.values()];
    if (list.length === 0) {
      finish(new Map());
      return;
    }
    peer.becomeSubscriber();
    const asked = wanted.flat().flatMap(({ subscription }) => subscription ?? []);
    peer.subscriptions.expect(asked);
    const ask = (): void =>
      peer.host.subscribe(list, (codes) => finish(new Map(list.map(({ name }, i) => [name, codes[i] ?? 0]))));
    if (asked.some(needsAdapting)) peer.deliverOneByOne(ask);
    else ask();
  }

  /** @param coming those that are asked for before it and are new; its own are added */
  #wantAll({ filters, identifier }: Subscribe, coming: MqttSubscriptions): Wanted[] {
    return filters.map(({ filter, options }) => {
      const wanted = this.#want(filter, options, identifier, coming);
      const isNew = wanted.subscription !== undefined && !this.#peer.subscriptions.has(filter);
      if (isNew) coming.set(wanted.subscription);
      return wanted;
    });
  }

  /** Checks one topic filter as far as possible without the hub. */
  #want(filter: string, options: FilterOptions, identifier: number, coming: MqttSubscriptions): Wanted {
    const { layout, subscriptions } = this.#peer;
    const expressed = express(layout, filter);
    if (!expressed.ok) return refused(filter, expressed.reason, expressed.message);
    if (!subscriptions.hasRoomFor(filter, coming))
      return refused(filter, Reason.quotaExceeded, 'too many topic filters');
    const { targets } = expressed;
    const hasInterest = this.#mayWatch(expressed);
    if (targets.length === 0 && !hasInterest)
      return refused(filter, Reason.notAuthorized, 'only the device itself can follow its interest');
    const subscription = { filter, identifier, noLocal: options.noLocal, targets, hasInterest };
    return { filter, refusal: 0, message: '', subscription };
  }

  #mayWatch({ interestOf }: Extract<Expressed, { ok: true }>): boolean {
    const { id, role } = this.#peer.client;
    return interestOf === id && mayBeDevice(role);
  }

  #sendsRetained({ filter }: Subscription, { retainHandling }: FilterOptions): boolean {
    return retainHandling === 0 || (retainHandling === 1 && !this.#peer.subscriptions.has(filter));
  }

  #follow({ targets }: Subscription, sendsRetained: boolean, follows: Map<string, FollowedName>): void {
    const { subscriptions } = this.#peer;
    for (const { name, kinds } of targets) {
      const before = follows.get(name);
      follows.set(name, {
        name,
        kinds: (before?.kinds ?? subscriptions.kindsOf(name)) | kinds,
        retained: (before?.retained ?? 0) | (sendsRetained ? kinds : 0),
      });
    }
  }

  /** A topic filter is granted if any of its targets is. Denied targets are left out. */
  #subscribed(
    request: Subscribe,
    wanted: readonly Wanted[],
    errorsByName: ReadonlyMap<string, number>,
  ): void {
    let message = '';
    const codes = wanted.map((one) => {
      const { subscription } = one;
      let { refusal } = one;
      if (subscription !== undefined) {
        const found = subscription.targets.map(({ name }) => errorsByName.get(name) ?? 0);
        if (found.every((error) => error !== 0) && !subscription.hasInterest)
          refusal = filterReasonOf(found[0]!);
        else this.#peer.subscriptions.set(subscription);
      }
      if (refusal !== 0 && message === '') message = one.message;
      return refusal === 0 ? 0 : this.#code(refusal);
    });
    if (request.further > 0 && message === '') message = `more than ${REQUEST_FILTERS_MAX} topic filters`;
    for (let n = 0; n < request.further; n++) codes.push(this.#code(Reason.quotaExceeded));
    this.#answer(request, codes, message);
  }

  #unsubscribe(requests: readonly Unsubscribe[]): void {
    const { subscriptions, host, interest } = this.#peer;
    const hadInterest = subscriptions.hasInterest;
    const names = new Set<string>();
    const codes = requests.map(({ filters }) =>
      filters.map((filter) => {
        const subscription = subscriptions.delete(filter);
        for (const { name } of subscription?.targets ?? []) names.add(name);
        return subscription === undefined ? Reason.noSubscriptionExisted : Reason.success;
      }),
    );
    if (hadInterest && !subscriptions.hasInterest) interest.end();
    const finish = (): void => {
      requests.forEach((request, index) => void this.#answer(request, codes[index]!, ''));
      this.#done();
    };
    const left = [...names].map((name) => ({ name, kinds: subscriptions.kindsOf(name), retained: 0 }));
    const ended = left.filter(({ kinds }) => kinds === 0).map(({ name }) => name);
    const narrowed = left.filter(({ kinds }) => kinds !== 0);
    const end = (): void => {
      if (ended.length === 0) finish();
      else host.unsubscribe(ended, finish);
    };
    if (narrowed.length === 0) end();
    else host.subscribe(narrowed, end);
  }

  #done(): void {
    this.#isBusy = this.#isAsked = false;
    if (!this.#isGoing) this.#next();
  }

  /** 3.1.1 has a single failure code. */
  #code(reason: number): number {
    return this.#peer.client.version === 5 ? reason : SUBACK_FAILURE;
  }
}

function refused(filter: string, refusal: number, message: string): Wanted {
  return { filter, refusal, message, subscription: undefined };
}

/** Of its topic filters, those that are refused unseen among them. */
function countOf(request: Request): number {
  return request.filters.length + (isSubscribe(request) ? request.further : 0);
}

function filtersOf(request: Request): readonly string[] {
  return isSubscribe(request) ? request.filters.map(({ filter }) => filter) : request.filters;
}

/** Of the topic filters, characters. */
function bytesOf(request: Request): number {
  return filtersOf(request).reduce((sum, filter) => sum + filter.length, 0);
}

function isSubscribe(request: Request): request is Subscribe {
  return 'identifier' in request;
}

function isUnsubscribe(request: Request): request is Unsubscribe {
  return !isSubscribe(request);
}
