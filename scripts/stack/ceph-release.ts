import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { UnpackedPackages } from './debian-packages.ts'
import type { Command } from './guarded-process.ts'

/** How a release's program is run, and what ceph.conf needs for it. */
export type CephRelease = {
  command: (program: string, args: readonly string[]) => Command
  settings: Record<string, string>
}

/** The release that is installed on this machine. */
export const installedRelease: CephRelease = { command: (file, args) => ({ file, args }), settings: {} }

const programs = ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-osd', 'monmaptool', 'osdmaptool']

/** Whether everything that a gateway of the installed release needs lies on the PATH. */
export async function isCephInstalled(): Promise<boolean> {
  const path = process.env['PATH'] ?? ''
  const found = await Promise.all(programs.map((program) => isOnPath(program, path)))
  return !found.includes(false)
}

async function isOnPath(program: string, path: string): Promise<boolean> {
  for (const folder of path.split(delimiter)) {
    const isThere = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return true
  }
  return false
}

/** A release that was unpacked beside this machine's own. */
export function unpackedRelease({ path, libraries, command }: UnpackedPackages): CephRelease {
  return {
    command,
    settings: {
      'plugin dir': join(libraries, 'ceph'),
      'erasure code dir': join(libraries, 'ceph', 'erasure-code'),
      'osd class dir': join(libraries, 'rados-classes'),
      'mgr module path': path('usr/share/ceph/mgr'),
    },
  }
}
