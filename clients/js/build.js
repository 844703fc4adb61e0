// Bundles each entry into one file, readable and minified; tsc has put the types beside them.
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

for (const entry of ['index', 'react']) {
  const input = fileURLToPath(new URL(`src/${entry}.ts`, import.meta.url));
  const bundle = await rolldown({ input, platform: 'browser', external: ['react'] });
  for (const minify of [false, true]) {
    const file = fileURLToPath(new URL(`dist/${entry}${minify ? '.min' : ''}.js`, import.meta.url));
    await bundle.write({ format: 'esm', file, minify });
  }
  await bundle.close();
}
