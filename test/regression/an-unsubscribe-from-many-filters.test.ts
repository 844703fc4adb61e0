/**
 * A client of MQTT 3.1.1 whose UNSUBSCRIBE named more than 4096 topic filters lost its connection when another request was
 * under way: UNSUBACK of 3.1.1 cannot refuse.
 */
import { expect, it } from 'vitest';
import { connected } from '../wire/mqtt/fake-host.ts';

const MANY = 4097;

function busy() {
  const peer = connected({ version: 4 });
  const unsubscribe = (messageId: number, ...unsubscriptions: string[]) =>
    peer.send({ cmd: 'unsubscribe', messageId, unsubscriptions });
  const subscribe = (messageId: number, ...topics: string[]) =>
    peer.send({ cmd: 'subscribe', messageId, subscriptions: topics.map((topic) => ({ topic, qos: 0 })) });
  const finish = (): void => {
    while (peer.host.later.length > 0) peer.host.later.shift()!();
  };
  subscribe(1, 'devices/kept/#', 'devices/left/#');
  peer.host.answersRequests = false;
  subscribe(2, 'devices/asked/#', 'devices/stays/#');
  subscribe(3, 'devices/waits/#');
  return { peer, unsubscribe, subscribe, finish };
}

it('an UNSUBSCRIBE that names many topic filters waits like any other', () => {
  const { peer, unsubscribe, subscribe, finish } = busy();
  const others = Array.from({ length: MANY }, (_, n) => `${n}`);
  unsubscribe(4, ...others, 'devices/left/#', 'devices/asked/#', 'devices/waits/#', 'devices/left/#');
  subscribe(5, 'devices/left/#');
  expect(peer.host.ended).toBeUndefined();
  finish();
  expect(peer.said().map(({ cmd, messageId }) => [cmd, messageId])).toEqual([
    ['suback', 2],
    ['suback', 3],
    ['unsuback', 4],
    ['suback', 5],
  ]);
  expect(peer.host.unfollows).toEqual([['left', 'asked', 'waits']]);
  expect(peer.session.subscriptions.names()).toEqual(['kept', 'stays', 'left']);
});

it('takes up no more than the client has, so another may follow it', () => {
  const { peer, unsubscribe, finish } = busy();
  for (let messageId = 4; messageId < 14; messageId++)
    unsubscribe(messageId, ...Array.from({ length: MANY }, (_, n) => `${n}`));
  unsubscribe(14, 'devices/left/#');
  expect(peer.host.ended).toBeUndefined();
  finish();
  expect(peer.said()).toHaveLength(2 + 11);
  expect(peer.host.unfollows).toEqual([['left']]);
});

it('has a bound all the same: what waits may be exceeded by one of them', () => {
  const { peer, unsubscribe, subscribe, finish } = busy();
  finish();
  peer.host.answersRequests = true;
  const all = Array.from({ length: MANY }, (_, n) => `devices/${n}/#`);
  for (let at = 0; at < MANY; at += 1000) subscribe(10 + at, ...all.slice(at, at + 1000));
  peer.host.answersRequests = false;
  subscribe(4, 'devices/asked/#');
  unsubscribe(5, ...all);
  expect(peer.host.ended).toBeUndefined();
  unsubscribe(6, ...all);
  expect(peer.host.ended).toMatchObject({ code: 4101 });
});
