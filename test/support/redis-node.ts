import { atEndOfEachFile } from './end-of-file.ts'
import { type RedisProcess, type RedisProcessOptions, startRedisProcess } from './redis-server.ts'

const alive = new Set<RedisProcess>()

atEndOfEachFile(async () => {
  await Promise.all([...alive].map((node) => node.end('SIGKILL')))
  alive.clear()
})

/** Starts a redis-server as one of several. It is killed at the end of the test file at the latest. */
export async function startRedisNode(options: RedisProcessOptions): Promise<RedisProcess> {
  const node = await startRedisProcess(options)
  alive.add(node)
  return node
}
