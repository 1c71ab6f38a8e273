import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Claim, listLiveClaims } from '../db/claims.ts'
import type { Sql } from '../db/connect.ts'

/** Below the data folder: nothing in it is worth anything to anybody but the run that it is named after. */
export async function makeScratchParent(dataDir: string): Promise<string> {
  const parent = join(dataDir, 'scratch')
  await mkdir(parent, { recursive: true, mode: 0o700 })
  return parent
}

/** Has a folder for files that a tool needs a path to, while `work` goes on. What is left of a killed run is swept. */
export async function withScratch<Answer>(
  parent: string,
  { taskId, epoch }: Claim,
  work: (folder: string) => Promise<Answer>,
): Promise<Answer> {
  const folder = join(parent, `${taskId}.e${epoch}`)
  await mkdir(folder, { mode: 0o700 })
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const folderName = /^([0-9a-f-]{36})\.e(\d+)$/

/** Removes the folders of runs whose claim is not in force any more. Answers how many. */
export async function sweepScratch(sql: Sql, parent: string): Promise<number> {
  const claims = (await readdir(parent)).flatMap((name): (Claim & { name: string })[] => {
    const [, taskId, epoch] = folderName.exec(name) ?? []
    return taskId === undefined ? [] : [{ name, taskId, epoch: Number(epoch) }]
  })
  if (claims.length === 0) return 0
  const live = new Set((await listLiveClaims(sql, claims)).map(({ taskId, epoch }) => `${taskId}.e${epoch}`))
  const left = claims.filter(({ name }) => !live.has(name))
  for (const { name } of left) await rm(join(parent, name), { recursive: true, force: true })
  return left.length
}
