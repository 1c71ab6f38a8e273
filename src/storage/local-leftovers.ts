import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Unfinished } from './contract.ts'
import { onMedium, unlessAbsent } from './failure.ts'
import type { LocalLayout } from './local-layout.ts'

const namePattern = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\./

/** The files of uploads and of outputs that are not objects. */
export async function* listUnfinished({ uploads, outputs }: LocalLayout): AsyncGenerator<Unfinished> {
  for (const folder of [uploads, outputs]) {
    for (const name of await onMedium(() => readdir(folder))) {
      const [, id] = namePattern.exec(`${name}.`) ?? []
      const path = join(folder, name)
      const file = id && (await onMedium(() => unlessAbsent(() => stat(path))))
      if (id && file) {
        yield { id, beganAt: file.mtime, discard: () => onMedium(() => rm(path, { force: true })) }
      }
    }
  }
}
