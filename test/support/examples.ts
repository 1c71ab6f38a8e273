import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../../src/package-root.ts'

/** The blocks of code in one language that a document has, in their order; below a heading, if one is named. */
export async function examplesIn(document: string, language: string, heading?: string): Promise<string[]> {
  const text = await readFile(join(packageRoot(), document), 'utf8')
  const begin = heading === undefined ? 0 : text.indexOf(`\n${heading}\n`)
  if (begin === -1) throw new Error(`${document} has no heading "${heading}"`)
  const level = /^#*/.exec(heading ?? '')?.[0].length ?? 0
  const rest = text.slice(begin + 1)
  const end = level === 0 ? -1 : rest.search(new RegExp(`\\n#{1,${level}} `))
  const blocks = (end === -1 ? rest : rest.slice(0, end)).matchAll(/```(\w+)\n([\s\S]*?)```/g)
  return [...blocks].flatMap(([, of, code]) => (of === language && code !== undefined ? [code] : []))
}
