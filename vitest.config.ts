import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'
import { noSkips } from './test/support/no-skips.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/full/**'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/each-file.ts'],
    pool: 'forks',
    // Workers that each run one file after the other and load what the files share once. Tests wait a third of their time.
    isolate: false,
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // What waits says itself what did not happen; this is only for what hangs.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    allowOnly: process.env['CI'] !== 'true',
    reporters: ['default', noSkips(process.env['CI'] === 'true')],
  },
})
