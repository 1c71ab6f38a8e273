import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'

// One pass of SHA-256 over the file named on the command line, read 1 MiB at a time; prints its time and the hash.
const buffer = Buffer.allocUnsafe(1024 * 1024)
const file = openSync(process.argv[2] ?? '', 'r')
const hash = createHash('sha256')
const startedMs = performance.now()
for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) hash.update(buffer.subarray(0, read))
const digest = hash.digest('hex')
const passMs = performance.now() - startedMs
closeSync(file)
process.stdout.write(`${JSON.stringify({ passMs, hash: digest })}\n`)
