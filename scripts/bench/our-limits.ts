import { percentile } from './measure.ts'
import { openOurClient, uploadWhole, warmUp } from './our-client.ts'
import { startOurStack } from './our-stack.ts'
import { makePayload } from './payload.ts'
import { eachAtOnce, openSender } from './send.ts'
import { readUsage } from './usage.ts'

const mebibyte = 1024 * 1024

/** Many uploads at once: how far the API's memory rose over idle, and how many uploads did not become files. */
export type Crowd = { uploads: number; sizeBytes: number; failures: string[]; risenRssBytes: number | undefined }

/** Starts `uploads` uploads at the same time on a fresh stack, one chunk in flight each, by multipart. */
export async function measureCrowd(
  databaseUrl: string,
  folder: string,
  { uploads, sizeBytes }: { uploads: number; sizeBytes: number },
): Promise<Crowd> {
  const stack = await startOurStack(databaseUrl, folder)
  const sender = openSender(uploads)
  try {
    await warmUp(stack.url, stack.secret, sender)
    const payload = makePayload(sizeBytes, Math.min(8 * mebibyte, sizeBytes))
    const idle = await readUsage(stack.api.pid)
    const failures: string[] = []
    await eachAtOnce(uploads, uploads, async () => {
      try {
        const client = await openOurClient(stack.url, stack.secret, sender)
        await uploadWhole(client, payload, 1, 'multipart')
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error))
      }
    })
    const after = await readUsage(stack.api.pid)
    return { uploads, sizeBytes, failures, risenRssBytes: idle && after && after.peakRssBytes - idle.rssBytes }
  } finally {
    sender.close()
    await stack.stop()
  }
}

/** Times `count` uploads, one after the other, each from create to file; answers the 50th and 95th percentile in ms. */
export async function measureLatency(
  databaseUrl: string,
  folder: string,
  { count, sizeBytes }: { count: number; sizeBytes: number },
): Promise<{ p50Ms: number; p95Ms: number }> {
  const stack = await startOurStack(databaseUrl, folder)
  const sender = openSender(1)
  try {
    await warmUp(stack.url, stack.secret, sender)
    const payload = makePayload(sizeBytes, sizeBytes)
    const timesMs: number[] = []
    for (let round = 0; round < count; round++) {
      const client = await openOurClient(stack.url, stack.secret, sender)
      const startedMs = performance.now()
      await uploadWhole(client, payload, 1, 'multipart')
      timesMs.push(performance.now() - startedMs)
    }
    return { p50Ms: percentile(timesMs, 0.5), p95Ms: percentile(timesMs, 0.95) }
  } finally {
    sender.close()
    await stack.stop()
  }
}
