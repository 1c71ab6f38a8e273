import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'

/** A file as a page gets it that is built by a bundler, with all that it imports, also later. */
async function bundle(contents: string, conditions: string[]): Promise<{ text: string; gzippedBytes: number }> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: packageRoot() },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    conditions,
    logLevel: 'silent',
  })
  const text = outputFiles.map((file) => file.text).join('\n')
  return { text, gzippedBytes: gzipSync(text, { level: 9 }).length }
}

test.each([[['browser']], [[]]])(
  'the SDK is small in a page, and has nothing of Node in it (conditions %j)',
  async (conditions) => {
    const { text, gzippedBytes } = await bundle("export * from 'longshore/client'", conditions)
    expect(text).not.toMatch(/\bnode:|require\("/)
    expect(text).not.toContain('socket.io')
    expect(gzippedBytes).toBeLessThanOrEqual(25 * 1024)
    // It is all there.
    expect(text).toContain('/files/upload/direct/')
    expect(gzippedBytes).toBeGreaterThan(15 * 1024)
  },
)

test('so is the worker that hashes', async () => {
  const { text, gzippedBytes } = await bundle("import './dist/src/client/hash-worker.js'", ['browser'])
  expect(text).not.toMatch(/\bnode:/)
  expect(gzippedBytes).toBeLessThanOrEqual(8 * 1024)
  expect(gzippedBytes).toBeGreaterThan(4 * 1024)
})
