// Loaded into a process with `node --import`: every read of a file takes 300 ms while DATA_DIR has a file `slow`.
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const mark = join(process.env.DATA_DIR ?? '', 'slow')
const handle = await open(import.meta.filename)
const prototype = Object.getPrototypeOf(handle)
await handle.close()
const read = prototype.read
prototype.read = async function slowRead(...args) {
  if (existsSync(mark)) await delay(300)
  return read.apply(this, args)
}
