/** What an operator is asked before something is done to a peer: what will happen, in words. */
import { changeRow, removeRow, terminate } from './api.ts';
import type { Question } from './confirm.tsx';
import { kick, setVip } from './subscribers-api.ts';

/** Of one device and one subscriber. */
export function pairQuestions(device: string, subscriber: string) {
  return {
    allow: {
      title: `Allow ${subscriber}?`,
      text: `It may subscribe to ${device}, whatever the access rules and the default say. A denial is lifted.`,
      action: 'Allow',
      run: () => changeRow(device, subscriber, { status: 'allow' }),
    },
    deny: {
      title: `Deny ${subscriber}?`,
      text: `It gets no more events of ${device} and a notice that says so. It cannot subscribe again until you allow it.`,
      action: 'Deny',
      isDangerous: true,
      run: () => changeRow(device, subscriber, { status: 'deny' }),
    },
    pause: {
      title: `Pause ${subscriber}?`,
      text: `It gets no events of ${device} until it or you resume the subscription, and a notice that says so.`,
      action: 'Pause',
      run: () => changeRow(device, subscriber, { status: 'inactive' }),
    },
    resume: {
      title: `Resume ${subscriber}?`,
      text: `It gets the events of ${device} again.`,
      action: 'Resume',
      run: () => changeRow(device, subscriber, { status: 'active' }),
    },
    remove: {
      title: `Remove ${subscriber} from ${device}?`,
      text: 'Its subscription is removed, with whatever an operator set for it, and it gets a notice. It may subscribe again if the access rules let it.',
      action: 'Remove',
      isDangerous: true,
      run: () => removeRow(device, subscriber),
    },
  } satisfies Record<string, Question>;
}

const KICKED =
  'Its connection is closed with code 4005, which tells it not to come back by itself. Its subscriptions are removed.';

/** Of one subscriber, for all devices that it follows. */
export function subscriberQuestions(subscriber: string) {
  return {
    vip: {
      title: `Make ${subscriber} a vip?`,
      text: 'The hub sends to it before others, for all devices that it follows.',
      action: 'Make vip',
      run: () => setVip(subscriber, true),
    },
    noVip: {
      title: `Stop treating ${subscriber} as a vip?`,
      text: 'The hub sends to vips before it, unless its token makes it one.',
      action: 'Remove vip',
      run: () => setVip(subscriber, false),
    },
    kick: {
      title: `Kick ${subscriber}?`,
      text: `${KICKED} What operators set for it (deny, allow, vip) stays.`,
      action: 'Kick',
      isDangerous: true,
      run: () => kick(subscriber),
    },
    forget: {
      title: `Kick ${subscriber} and forget it?`,
      text: `${KICKED} What operators set for it (deny, allow, vip) is removed too.`,
      action: 'Kick and forget',
      isDangerous: true,
      run: () => kick(subscriber, true),
    },
  } satisfies Record<string, Question>;
}

export function terminateQuestion(device: string): Question {
  return {
    title: `Terminate ${device}?`,
    text: 'Its connection is closed with code 4009, which tells it not to reconnect. Its subscribers get a notice. The device and all its subscriptions are removed, with whatever operators set for them.',
    action: 'Terminate',
    isDangerous: true,
    run: () => terminate(device),
  };
}
