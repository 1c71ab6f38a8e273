import { z } from 'zod'
import { poll } from './poll.ts'

const listening = z.object({ msg: z.literal('listening'), url: z.url() })

/** The address in a log line that says where the API listens; undefined for every other line. */
export function addressIn(line: string): string | undefined {
  if (!line.includes('"listening"')) return undefined
  const entry = listening.safeParse(parseJson(line))
  return entry.success ? reachable(entry.data.url) : undefined
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** "All addresses" can be listened on but not be called. */
function reachable(address: string): string {
  const url = new URL(address)
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  if (url.hostname === '[::]') url.hostname = '[::1]'
  return url.origin
}

/** Waits until the API answers that everything is there; answers what it said last if that takes too long. */
export async function waitUntilReady(
  address: () => string | undefined,
  { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal },
): Promise<{ url: string } | { lastAnswer: string }> {
  let lastAnswer = 'the API did not say where it listens'
  const ask = async () => {
    const url = address()
    if (url === undefined) return undefined
    try {
      const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(5000) })
      const body = await answer.text()
      if (answer.ok) return { url }
      lastAnswer = `${answer.status} ${body}`
    } catch (error) {
      lastAnswer = error instanceof Error ? error.message : String(error)
    }
    return undefined
  }
  return (await poll(ask, { everyMs: 50, deadlineMs, signal })) ?? { lastAnswer }
}
