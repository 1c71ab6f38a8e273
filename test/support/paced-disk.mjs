// Loaded into a process with `node --import`: reads of files take as long as the file `pace` in DATA_DIR says (JSON:
// `readMs`, and in `held` parts of paths of which no read ends at all), and are noted in `reads.log`, a line each: process,
// position, length, path. Nothing can be copied by sharing blocks, so that it has to be read wherever the tests run.
import { appendFileSync, readFileSync, readlinkSync } from 'node:fs'
import fs, { open } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const folder = process.env.DATA_DIR ?? ''
const handle = await open(import.meta.filename)
const prototype = Object.getPrototypeOf(handle)
await handle.close()
const { read } = prototype

function pace() {
  try {
    return JSON.parse(readFileSync(join(folder, 'pace'), 'utf8'))
  } catch {
    return undefined
  }
}

prototype.read = async function pacedRead(...args) {
  if (pace() === undefined) return read.apply(this, args)
  const path = readlinkSync(`/proc/self/fd/${this.fd}`)
  await delay(pace()?.readMs ?? 0)
  while (pace()?.held.some((part) => path.includes(part))) await delay(20)
  const answer = await read.apply(this, args)
  appendFileSync(join(folder, 'reads.log'), `${process.pid} ${args[3]} ${answer.bytesRead} ${path}\n`)
  return answer
}

fs.copyFile = async () => {
  throw Object.assign(new Error('not here'), { code: 'ENOTSUP' })
}
syncBuiltinESMExports()
