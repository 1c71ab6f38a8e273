// Loaded into a process with `node --import`: says on stdout, as a log line each, which packages its modules ask for.
import { register } from 'node:module'

const hooks = `
import { writeSync } from 'node:fs'
const said = new Set()
export async function resolve(specifier, context, next) {
  const name = /^(@[^/]+\\/[^/]+|[^@./:][^/:]*)(\\/|$)/.exec(specifier)?.[1]
  if (name !== undefined && !said.has(name)) {
    said.add(name)
    writeSync(1, JSON.stringify({ msg: 'package', name }) + '\\n')
  }
  return next(specifier, context)
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
