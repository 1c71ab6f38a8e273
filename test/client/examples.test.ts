import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'
import { examplesIn } from '../support/examples.ts'
import { sdkUser } from '../support/sdk.ts'
import { openStage, type Stage } from '../support/stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.close())

/** Runs blocks of code as one program, with what they say is there beforehand. Answers what they print. */
async function run(blocks: readonly string[]): Promise<string[]> {
  const { folder, token } = await sdkUser()
  const sdk = pathToFileURL(join(packageRoot(), 'dist/src/client/node.js')).href
  const home = `globalThis.exampleHome ??= fileResumeStore(${JSON.stringify(join(folder, 'notes'))})\n`
  const given = `const [url, token, folder] = ${JSON.stringify([stage.system.urls[0], token, folder])}\n`
  const code = blocks
    .join('\n')
    .replaceAll("'longshore/client'", JSON.stringify(sdk))
    .replaceAll('createClient({ url, token })', 'createClient({ url, token, resumeStore: globalThis.exampleHome })')
  const path = join(folder, 'example.mjs')
  await writeFile(path, `import { fileResumeStore } from ${JSON.stringify(sdk)}\n${home}${given}${code}`)
  const lines: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((...words) => void lines.push(words.join(' ')))
  try {
    await import(/* @vite-ignore */ pathToFileURL(path).href)
  } finally {
    log.mockRestore()
  }
  return lines
}

test('every example of docs/sdk.md runs, and prints what it says', async () => {
  const blocks = await examplesIn('docs/sdk.md', 'js')
  expect(blocks.length).toBeGreaterThan(8)
  const lines = await run(blocks)
  const promised = blocks.join('\n').matchAll(/console\.log\(.*\) *\/\/ (\S+)/g)
  for (const [, words] of promised) expect(lines.some((line) => line.startsWith(String(words)))).toBe(true)
  expect(lines.filter((line) => line.startsWith('600000 true'))).toHaveLength(1)
  expect(lines).toContainEqual(expect.stringMatching(/^3 task\.completed/))
  expect(lines).toContain('account live')
})
