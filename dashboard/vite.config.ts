/** Builds the dashboard to `dist/dashboard/`, from where the admin listener serves it. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/',
  // For work on the page itself: `npx vite dashboard`, beside a hub with its defaults.
  server: { proxy: { '/v1': 'http://127.0.0.1:7402' } },
  build: {
    outDir: fileURLToPath(new URL('../dist/dashboard/', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    license: { fileName: 'licenses.md' }, // of what is in the bundle, for the package
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // nothing inline: the content security policy forbids it
  },
});
