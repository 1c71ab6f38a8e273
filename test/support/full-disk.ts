import { execFileSync } from 'node:child_process'
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder on a disk that `fill` leaves with room for about 100 kB of a file that is there already, until `makeRoom`. */
type FullDisk = {
  path: string
  fill: (file: string) => Promise<void>
  makeRoom: () => Promise<void>
  dispose: () => Promise<void>
}

/** A disk of 2 MiB where this user may mount one; elsewhere the kernel's own full device, which has no room at all. */
export async function openFullDisk(): Promise<FullDisk> {
  const path = await mkdtemp(join(tmpdir(), 'longshore-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return fullDevice(path)
  }
  const filler = join(path, 'filler')
  return {
    path,
    fill: () => writeFile(filler, Buffer.alloc(1_990_000)),
    makeRoom: () => rm(filler),
    dispose: async () => {
      execFileSync('umount', [path])
      await rm(path, { recursive: true })
    },
  }
}

function fullDevice(path: string): FullDisk {
  let file = ''
  return {
    path,
    fill: async (target) => {
      file = target
      await rename(file, `${file}.aside`)
      await symlink('/dev/full', file)
    },
    makeRoom: () => rename(`${file}.aside`, file),
    dispose: () => rm(path, { recursive: true }),
  }
}
