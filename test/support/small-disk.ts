import { execFileSync } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../../src/errors.ts'

/** A disk of its own, which can be filled up. */
export type SmallDisk = {
  path: string
  /** Leaves this much room. */
  fill: (roomBytes: number) => Promise<void>
  makeRoom: () => Promise<void>
  dispose: () => Promise<void>
}

const pieceBytes = 64 * 1024

/** A disk in memory; undefined where this user may not mount one, not even by sudo. */
export async function openSmallDisk(sizeMiB: number): Promise<SmallDisk | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'longshore-small-disk-'))
  const owner = `uid=${process.getuid?.() ?? 0},gid=${process.getgid?.() ?? 0}`
  try {
    asRoot('mount', '-t', 'tmpfs', '-o', `size=${sizeMiB}m,${owner}`, 'tmpfs', path)
  } catch {
    await rm(path, { recursive: true })
    return undefined
  }
  const filler = join(path, 'filler')
  return {
    path,
    fill: (roomBytes) => fill(filler, roomBytes),
    makeRoom: () => rm(filler),
    dispose: async () => {
      asRoot('umount', path)
      await rm(path, { recursive: true })
    },
  }
}

function asRoot(command: string, ...args: string[]): void {
  const isRoot = process.getuid?.() === 0
  execFileSync(isRoot ? command : 'sudo', isRoot ? args : ['-n', command, ...args], { stdio: 'ignore' })
}

async function fill(path: string, roomBytes: number): Promise<void> {
  const handle = await open(path, 'w')
  try {
    const piece = Buffer.alloc(pieceBytes)
    for (let sizeBytes = 0; ; sizeBytes += pieceBytes) {
      try {
        await handle.writeFile(piece)
      } catch (error) {
        if (systemCode(error) !== 'ENOSPC') throw error
        await handle.truncate(Math.max(0, sizeBytes - roomBytes))
        return
      }
    }
  } finally {
    await handle.close()
  }
}
