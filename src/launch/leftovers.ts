import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { poll } from './poll.ts'
import { commandLineOf, sendSignal } from './running-process.ts'

const recordName = 'running.json'
const record = z.array(z.object({ name: z.string(), pid: z.int().positive(), command: z.string() }))

export type ProcessRecord = z.infer<typeof record>

/** Notes which processes run for this DATA_DIR, for a start that finds them after this one was killed. */
export async function noteProcesses(dataDir: string, processes: ProcessRecord): Promise<void> {
  await writeFile(join(dataDir, recordName), `${JSON.stringify(processes, undefined, 2)}\n`)
}

/**
 * Waits for the processes of a killed predecessor. They notice its end and finish by themselves; those still there
 * after 10 s are killed. Answers how many there were.
 */
export async function endLeftovers(dataDir: string, deadlineMs = 10_000): Promise<number> {
  const left = await stillRunning(await readRecord(dataDir))
  if (left.length === 0) return 0
  for (const { pid } of left) sendSignal(pid, 'SIGTERM')
  const gone = () =>
    poll(async () => ((await stillRunning(left)).length === 0 ? true : undefined), { everyMs: 50, deadlineMs })
  if (!(await gone())) {
    for (const { pid } of await stillRunning(left)) sendSignal(pid, 'SIGKILL')
    await gone()
  }
  return left.length
}

async function readRecord(dataDir: string): Promise<ProcessRecord> {
  try {
    return record.parse(JSON.parse(await readFile(join(dataDir, recordName), 'utf8')))
  } catch {
    // Without the note, or with one cut short by a crash, nothing is known to be left.
    return []
  }
}

/** A number alone may belong to another process by now, so the command line must be the noted one as well. */
async function stillRunning(processes: ProcessRecord): Promise<ProcessRecord> {
  const lines = await Promise.all(processes.map(({ pid }) => commandLineOf(pid)))
  return processes.filter(({ command }, index) => lines[index] === command)
}
