/** The module that the generator processes of this folder run. */
import { fileURLToPath } from 'node:url';

export const generatorFile = fileURLToPath(new URL('./generate.js', import.meta.url));
