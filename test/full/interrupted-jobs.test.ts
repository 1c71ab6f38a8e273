import { afterAll, beforeAll, describe, it } from 'vitest'
import { seededRandom } from '../../scripts/chaos/random.ts'
import { type Interruption, expectSameDespite } from '../support/interruption.ts'
import { type Ground, openGround } from '../support/interrupted-jobs.ts'
import { openPacedStage, type PacedStage } from '../support/paced-stage.ts'

const seeds = [1, 2, 3]
const interruptions: Interruption[] = ['pause', 'cancel', 'kill']

describe('a task of every type, interrupted anywhere', () => {
  let ground: Ground & { stage: PacedStage }
  beforeAll(async () => {
    const stage = await openPacedStage({ workerArgs: ['--concurrency', '27'] })
    ground = { ...(await openGround(stage)), stage }
  })
  afterAll(() => ground?.stage.close())

  it.each(seeds.flatMap((seed) => interruptions.map((interruption) => ({ seed, interruption }))))(
    'comes to the same (seed $seed, $interruption)',
    async ({ seed, interruption }) => {
      await expectSameDespite(ground, { interruption, random: seededRandom(seed), anywhere: true })
    },
  )
})
