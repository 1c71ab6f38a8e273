import { existsSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'

/** What a program loads before it runs: its files, and what it has from node_modules. */
function loadedBy(program: string): { files: string[]; packages: string[] } {
  const files = new Set<string>()
  const packages = new Set<string>()
  const visit = (file: string): void => {
    if (files.has(file)) return
    files.add(file)
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export)\b[^'"]*?["']([^'"]+)["'];?$/gm,
    )) {
      if (name.startsWith('.')) visit(join(dirname(file), name))
      else if (!isBuiltin(name)) packages.add(name)
    }
  }
  visit(join(packageRoot(), 'dist', program))
  return { files: [...files], packages: [...packages] }
}

describe('a built program', () => {
  it.each([
    ['src/main.js', ['postgres']],
    ['workers/main.js', ['postgres']],
    ['src/cli/main.js', []],
    // It asks the database whether it is there.
    ['scripts/start.js', ['postgres']],
  ])(
    '%s has all that it begins with in a few files, but for a driver whose errors are told by their files',
    (program, apart) => {
      const { files, packages } = loadedBy(program)
      expect(packages).toEqual(apart)
      expect(files.length).toBeLessThan(20)
      for (const file of files) expect(existsSync(`${file}.map`) || file.includes('rolldown-runtime')).toBe(true)
    },
  )

  it('loads what only pools in S3 need when there is one', () => {
    const code = loadedBy('src/main.js').files.map((file) => readFileSync(file, 'utf8'))
    expect(code.some((text) => text.includes('CreateMultipartUploadCommand'))).toBe(false)
  })
})
