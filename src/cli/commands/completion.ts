/** `dat completion`: completion scripts for shells. */

import { examples, Group, type RegisterCommand } from '../command.ts';
import { type Shell, shells } from '../completion/shells.ts';
import { placesOf } from '../completion/words.ts';
import { line } from '../output.ts';

export const register: RegisterCommand = (dat) => {
  dat
    .command('completion')
    .helpGroup(Group.setup)
    .addArgument(dat.createArgument('<shell>', 'the shell').choices(Object.keys(shells)))
    .description('print the completion script of a shell')
    .addHelpText(
      'after',
      examples(
        'source <(dat completion bash)',
        'dat completion zsh > ~/.zfunc/_dat',
        'dat completion fish > ~/.config/fish/completions/dat.fish',
      ),
    )
    .action((shell: Shell) => line(shells[shell](placesOf(dat))));
};
