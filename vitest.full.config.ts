import { defineConfig } from 'vitest/config'
import { noSkips } from './test/support/no-skips.ts'

// What is long or heavy: gigabytes, tens of thousands of entries, office documents, processes that are killed. One file at a time,
// since they measure.
export default defineConfig({
  test: {
    include: ['test/full/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/each-file.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 900_000,
    hookTimeout: 300_000,
    allowOnly: process.env['CI'] !== 'true',
    reporters: ['default', noSkips(process.env['CI'] === 'true')],
  },
})
