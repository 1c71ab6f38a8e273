import { describe, expect, it } from 'vitest'
import { waitForTask } from '../../src/tasks/wait.ts'

function stand() {
  const listeners = new Set<() => void>()
  const signals = {
    onTask: (_: string, listener: () => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
  const ring = () => {
    for (const listener of listeners) listener()
  }
  return { listeners, ring, signals }
}

const never = new AbortController().signal

async function timed<Answer>(work: Promise<Answer>): Promise<{ answer: Answer; tookMs: number }> {
  const begunAt = performance.now()
  return { answer: await work, tookMs: performance.now() - begunAt }
}

describe('waiting for a task', () => {
  it('asks at once', async () => {
    const { signals, listeners } = stand()
    const options = { signals, taskId: 't', timeoutMs: 10_000, signal: never }
    const { answer, tookMs } = await timed(waitForTask(options, async () => 'there'))
    expect(answer).toBe('there')
    expect(tookMs).toBeLessThan(100)
    expect(listeners.size).toBe(0)
  })

  it('asks again as soon as it is told, also when it is told while it asks', async () => {
    const { signals, ring, listeners } = stand()
    let asked = 0
    const probe = async (): Promise<string | undefined> => {
      if (++asked === 1) ring()
      if (asked === 2) setTimeout(ring, 10)
      return asked === 3 ? 'there' : undefined
    }
    const { answer, tookMs } = await timed(
      waitForTask({ signals, taskId: 't', timeoutMs: 10_000, signal: never }, probe),
    )
    expect(answer).toBe('there')
    expect(tookMs).toBeLessThan(300)
    expect(listeners.size).toBe(0)
  })

  it('asks again without being told, because what is told may be lost', async () => {
    let asked = 0
    const { answer, tookMs } = await timed(
      waitForTask({ signals: stand().signals, taskId: 't', timeoutMs: 10_000, signal: never }, async () =>
        ++asked === 2 ? 'there' : undefined,
      ),
    )
    expect(answer).toBe('there')
    expect(tookMs).toBeLessThan(2000)
  })

  it.each([0, 60])('gives up after %d ms, having asked', async (timeoutMs) => {
    let asked = 0
    const { signals, listeners } = stand()
    const { answer, tookMs } = await timed(
      waitForTask({ signals, taskId: 't', timeoutMs, signal: never }, async () => {
        asked++
        return undefined
      }),
    )
    expect(answer).toBeUndefined()
    expect(asked).toBeGreaterThanOrEqual(1)
    expect(tookMs).toBeGreaterThanOrEqual(timeoutMs - 5)
    expect(tookMs).toBeLessThan(timeoutMs + 300)
    expect(listeners.size).toBe(0)
  })

  it('gives up at once when nobody wants to know any more, and passes on what fails', async () => {
    const leaving = new AbortController()
    setTimeout(() => leaving.abort(), 20)
    const options = { signals: stand().signals, taskId: 't', timeoutMs: 10_000, signal: leaving.signal }
    const { answer, tookMs } = await timed(waitForTask(options, async () => undefined))
    expect(answer).toBeUndefined()
    expect(tookMs).toBeLessThan(400)

    const { signals, listeners } = stand()
    const failing = waitForTask({ signals, taskId: 't', timeoutMs: 10, signal: never }, () => {
      throw new Error('away')
    })
    await expect(failing).rejects.toThrow('away')
    expect(listeners.size).toBe(0)
  })
})
