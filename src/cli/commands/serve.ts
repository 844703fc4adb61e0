/** `dat serve` in the help. `main.ts` runs the hub before any other command is loaded. */
import { Group, type Register } from '../command.ts';

export const register: Register = (dat) => {
  dat
    .command('serve')
    .helpGroup(Group.hub)
    .description('run the hub, as "dat" without a command does; "dat serve --help" lists its flags')
    .allowUnknownOption();
};
