import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

/** Where the API listens while developing; the same variable that `make run` takes. */
const apiPort = process.env.PORT ?? '8080';
const proxy = { '/api': { target: `http://127.0.0.1:${apiPort}`, changeOrigin: false } };

export default defineConfig({
  root: import.meta.dirname,
  plugins: [svelte()],
  build: { target: 'es2023', outDir: 'dist', emptyOutDir: true, modulePreload: { polyfill: false } },
  server: { host: '127.0.0.1', port: 5173, proxy },
  preview: { host: '127.0.0.1', port: 4173, proxy },
});
