import { expect, test } from 'vitest'
import type { Refusal } from '../../src/realtime/outlet.ts'
import { Turns } from '../../src/realtime/turns.ts'
import { silent } from '../support/ledger.ts'

test('of one client a hundred requests wait and no more; each is served in its turn, whatever becomes of the others', async () => {
  const turns = new Turns(silent)
  const served: number[] = []
  const refused: Refusal[] = []
  let begin = (): void => {}
  const gate = new Promise<void>((resolve) => {
    begin = resolve
  })
  for (let number = 1; number <= 103; number += 1) {
    const work = async (): Promise<void> => {
      await gate
      served.push(number)
      if (number % 2 === 0) throw new Error('of the test')
    }
    turns.take(work, (refusal) => refused.push(refusal))
  }
  expect(refused).toHaveLength(3)
  expect(refused[0]).toMatchObject({ code: 'RATE_LIMITED', status: 429, details: { maxWaiting: 100 } })
  begin()
  await new Promise<void>((resolve) => {
    turns.take(async () => resolve(), refuseNothing)
    // Refused now, and taken once those before it were served.
    void gate.then(() => setImmediate(() => turns.take(async () => resolve(), refuseNothing)))
  })
  expect(served).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
  expect(refused.slice(3).map(({ code }) => code)).toEqual(Array.from({ length: 50 }, () => 'INTERNAL'))
})

test('what waits when a client goes is not done any more', async () => {
  const turns = new Turns(silent)
  const served: string[] = []
  turns.take(
    async () => {
      served.push('first')
      turns.end()
    },
    () => {},
  )
  turns.take(async () => void served.push('second'), refuseNothing)
  await new Promise((resolve) => setImmediate(resolve))
  expect([served, turns.isOver]).toEqual([['first'], true])
})

function refuseNothing(): void {}
