import type { Reporter } from 'vitest/node'

/** Fails a run in which a test was skipped, where that matters: what did not run in CI was not shown to work. */
export function noSkips(enforced: boolean): Reporter {
  return {
    onTestRunEnd(modules) {
      const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')])
      if (!enforced || skipped.length === 0) return
      console.error(`\nNothing may be skipped in CI, but ${skipped.length} tests were:`)
      for (const test of skipped) console.error(`  ${test.fullName}`)
      process.exitCode = 1
    },
  }
}
