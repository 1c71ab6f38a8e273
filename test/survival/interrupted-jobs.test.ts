import { afterAll, beforeAll, describe, it } from 'vitest'
import { seededRandom } from '../../scripts/chaos/random.ts'
import { expectSameDespite } from '../support/interruption.ts'
import { type Ground, openGround } from '../support/interrupted-jobs.ts'
import { openPacedStage, type PacedStage } from '../support/paced-stage.ts'

const seed = 4

describe('a task of every type', { timeout: 120_000 }, () => {
  let ground: Ground & { stage: PacedStage }
  beforeAll(async () => {
    const stage = await openPacedStage({ workerArgs: ['--concurrency', '27'] })
    ground = { ...(await openGround(stage)), stage }
  })
  afterAll(() => ground?.stage.close())

  it('that is paused goes on, and comes to the same', async () => {
    await expectSameDespite(ground, { interruption: 'pause', random: seededRandom(seed) })
  })

  it('that is cancelled leaves nothing, and comes to the same when it is retried', async () => {
    await expectSameDespite(ground, { interruption: 'cancel', random: seededRandom(seed) })
  })

  it('whose worker is killed goes on, and comes to the same', async () => {
    await expectSameDespite(ground, { interruption: 'kill', random: seededRandom(seed) })
  })
})
