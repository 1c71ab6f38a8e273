import { Worker } from 'bullmq'
import { Redis } from 'ioredis'

/** The peer of `bench -- tasks`: a bare BullMQ worker whose jobs do nothing and leave nothing behind. */
const worker = new Worker('bare', async () => {}, {
  connection: new Redis(process.env['REDIS_URL'] ?? '', { maxRetriesPerRequest: null }),
  concurrency: Number(process.env['BENCH_SLOTS']),
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 0 },
})
await worker.waitUntilReady()
process.stdout.write(`${JSON.stringify({ msg: 'working' })}\n`)
process.once('SIGTERM', () => process.exit(0))
