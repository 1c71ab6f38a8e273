import { defineConfig } from 'vitest/config'
import { noSkips } from './test/support/no-skips.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/full/**'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    allowOnly: process.env['CI'] !== 'true',
    reporters: ['default', noSkips(process.env['CI'] === 'true')],
  },
})
