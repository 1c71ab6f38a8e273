import { join } from 'node:path'
import { defineConfig } from 'vite'

const root = join(import.meta.dirname, '..', '..')

/** The page that the API serves at `/`. Everything it needs is in files of its own, with names that change with what is in them. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: false,
  // Whatever NODE_ENV says where it is built: what is shipped is React without its checks.
  oxc: { jsx: { runtime: 'automatic', development: false } },
  define: { 'process.env.NODE_ENV': '"production"' },
  cacheDir: join(root, 'node_modules', '.vite-dashboard'),
  build: {
    outDir: join(root, 'dist', 'dashboard'),
    emptyOutDir: true,
    target: 'es2022',
    // The policy under which it runs takes nothing that lies in an address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  // For work on the page: `npx vite src/dashboard`, with Longshore running.
  server: {
    proxy: { '/api': 'http://127.0.0.1:8080', '/ws': { target: 'ws://127.0.0.1:8080', ws: true } },
  },
})
