import type { Client } from '../client.ts'
import type { Random } from '../random.ts'
import { pause } from '../wait.ts'

export type Traffic = { client: Client; random: Random; signal: AbortSignal; onTask: (taskId: string) => void }

/** Creates tasks of one account until `over`; pauses, resumes and cancels some of them. */
export async function makeTraffic({ client, random, signal, onTask }: Traffic, over: AbortSignal): Promise<void> {
  const verbs: Promise<void>[] = []
  while (!over.aborted) {
    const wishes = Array.from({ length: random.whole(1, 4) }, () => ({
      workMs: random.next() < 0.1 ? random.whole(500, 2000) : random.whole(0, 60),
      priority: random.whole(0, 100),
    }))
    for (const taskId of await client.create(wishes)) {
      onTask(taskId)
      if (random.next() < 0.15) verbs.push(disturb({ client, random, signal }, taskId))
    }
    await pause(random.whole(50, 700), signal)
  }
  await Promise.all(verbs)
}

async function disturb({ client, random, signal }: Omit<Traffic, 'onTask'>, taskId: string): Promise<void> {
  await pause(random.whole(0, 300), signal)
  if (random.next() < 0.3) return client.tell(taskId, 'cancel')
  await client.tell(taskId, 'pause')
  await pause(random.whole(0, 500), signal)
  await client.tell(taskId, 'resume')
}
