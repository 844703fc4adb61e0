/** The questions that an operator confirms before an action on a peer; each says what will happen. */
import { changeRow, removeRow, terminate } from './api.ts';
import type { Question } from './confirm.tsx';
import { kick, setVip } from './subscribers-api.ts';

/** Of one device and one subscriber. */
export function pairQuestions(device: string, subscriber: string) {
  return {
    allow: {
      title: `Allow ${subscriber}?`,
      text: `It may subscribe to ${device}, even if an access rule or the default denies it. This also lifts a denial.`,
      action: 'Allow',
      run: () => changeRow(device, subscriber, { status: 'allow' }),
    },
    deny: {
      title: `Deny ${subscriber}?`,
      text: `It gets a notice and no more events of ${device}. It cannot subscribe again until you allow it.`,
      action: 'Deny',
      isDangerous: true,
      run: () => changeRow(device, subscriber, { status: 'deny' }),
    },
    pause: {
      title: `Pause ${subscriber}?`,
      text: `It gets a notice, and no events of ${device} until it or an operator resumes the subscription.`,
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
      text: 'Its subscription and anything that an operator set for it are removed, and it gets a notice. It may subscribe again if the access rules allow it.',
      action: 'Remove',
      isDangerous: true,
      run: () => removeRow(device, subscriber),
    },
  } satisfies Record<string, Question>;
}

const KICKED =
  'Its connection is closed with code 4005, which tells it not to reconnect. Its subscriptions are removed.';

/** Of one subscriber, for all devices that it follows. */
export function subscriberQuestions(subscriber: string) {
  return {
    vip: {
      title: `Make ${subscriber} a vip?`,
      text: 'The hub sends it events before other subscribers, for all devices that it follows.',
      action: 'Make vip',
      run: () => setVip(subscriber, true),
    },
    noVip: {
      title: `Stop treating ${subscriber} as a vip?`,
      text: 'It no longer gets events before others, unless its token makes it a vip.',
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
    text: 'Its connection is closed with code 4009, which tells it not to reconnect. Its subscribers get a notice. The device is removed, with all its subscriptions and everything that operators set for them.',
    action: 'Terminate',
    isDangerous: true,
    run: () => terminate(device),
  };
}
