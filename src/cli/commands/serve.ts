/** `dat serve` in the help. `main.ts` runs the hub before any other command is loaded. */
import { Group, type RegisterCommand } from '../command.ts';

export const register: RegisterCommand = (dat) => {
  dat
    .command('serve')
    .helpGroup(Group.hub)
    .description('run the hub, as "dat" without a command does; "dat serve --help" lists its flags')
    .allowUnknownOption();
};
