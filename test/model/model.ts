/** The model: which commands make sense now, and what each does to the world. */
import type { Command, Outcome } from './commands.ts';
import { ask, pauseAll, resumeAll } from './follows.ts';
import { publishFor, setRow, setRules, setVip, terminate } from './operators.ts';
import {
  connect,
  connectDevice,
  disconnect,
  kick,
  leaveDevice,
  loseDevice,
  purgeDevices,
  purgeSubscribers,
  recover,
} from './peers.ts';
import { type Terms, World } from './world.ts';

export class Model {
  readonly world: World;

  constructor(terms: Terms) {
    this.world = new World(terms);
  }

  /** Whether the command makes sense now: a peer that is not connected asks for nothing. */
  allows(command: Command): boolean {
    const { world } = this;
    switch (command.do) {
      case 'leaveDevice':
      case 'loseDevice':
      case 'publish':
        return world.devices.get(command.device)?.connected === true;
      case 'terminate':
      case 'operatorPublishes':
        return world.devices.has(command.device);
      case 'recover':
        return !world.isConnected(command.subscriber) && !world.terms.timers;
      case 'wait':
        return !world.terms.timers;
      case 'drop':
      case 'pauseAll':
      case 'resumeAll':
      case 'subscribe':
      case 'unsubscribe':
      case 'pause':
      case 'resume':
        return world.isConnected(command.subscriber);
      case 'kick':
        return world.isConnected(command.subscriber) || world.pairsOf(command).length > 0;
      case 'remove':
      case 'vip':
        return world.pair(command.device, command.subscriber) !== undefined;
      case 'activate':
      case 'hold':
        return world.covers(command.subscriber, command.device);
      default:
        return true;
    }
  }

  apply(command: Command): Outcome {
    const outcome = this.#apply(command);
    purgeSubscribers(this.world);
    purgeDevices(this.world);
    return { ...outcome, told: this.world.takeTold() };
  }

  #apply(command: Command): Outcome {
    const { world } = this;
    switch (command.do) {
      case 'connectDevice':
        return connectDevice(world, command.device);
      case 'leaveDevice':
        return leaveDevice(world, command.device);
      case 'loseDevice':
        return loseDevice(world, command.device);
      case 'publish': {
        const { device: id, type, content } = command;
        const device = world.device(id);
        if (type === 'status') device.status = `s-${content}`;
        return world.publish(device, { type, source: 'device', content });
      }
      case 'operatorPublishes':
        return publishFor(world, command.device, command.content);
      case 'terminate':
        return terminate(world, command.device);
      case 'connect':
        return connect(world, command.subscriber, false);
      case 'wait':
        return connect(world, command.subscriber, true);
      case 'recover':
        return recover(world, command.subscriber);
      case 'drop':
        return disconnect(world, command.subscriber);
      case 'kick':
        return kick(world, command.subscriber);
      case 'pauseAll':
        return pauseAll(world, command.subscriber);
      case 'resumeAll':
        return resumeAll(world, command.subscriber);
      case 'subscribe':
      case 'unsubscribe':
      case 'pause':
      case 'resume':
        return ask(world, command.subscriber, command.do, command.names, command);
      case 'vip':
        return setVip(world, command.subscriber, command.vip);
      case 'rules':
        return setRules(world, command.rules);
      default:
        setRow(world, command.do, command.device, command.subscriber);
        return {};
    }
  }
}
