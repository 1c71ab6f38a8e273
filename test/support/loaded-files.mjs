// Loaded into a process with `node --import`: says on stdout, as a log line each, which files its modules are read from.
import { register } from 'node:module'

const hooks = `
import { writeSync } from 'node:fs'
export async function load(url, context, next) {
  if (url.startsWith('file:')) writeSync(1, JSON.stringify({ msg: 'loaded', url }) + '\\n')
  return next(url, context)
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
