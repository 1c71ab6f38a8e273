import { afterAll, beforeAll, describe, it } from 'vitest'
import { seededRandom } from '../../scripts/chaos/random.ts'
import { type Interruption, expectSameDespite } from '../support/interruption.ts'
import { type Ground, openGround } from '../support/interrupted-jobs.ts'
import { openPacedStage, type PacedStage } from '../support/paced-stage.ts'

const interruptions: Interruption[] = ['pause', 'cancel', 'kill']
/** Stopped at once when it has come far enough for there to be something to go on from, or at any moment of its run. */
const runs = [{ seed: 4, anywhere: false }, ...[1, 2, 3].map((seed) => ({ seed, anywhere: true }))].flatMap((run) =>
  interruptions.map((interruption) => ({ ...run, interruption })),
)

describe('a task of every type, interrupted', () => {
  let ground: Ground & { stage: PacedStage }
  beforeAll(async () => {
    const stage = await openPacedStage({ workerArgs: ['--concurrency', '27'] })
    ground = { ...(await openGround(stage)), stage }
  })
  afterAll(() => ground?.stage.close())

  it.each(runs)('comes to the same ($interruption, seed $seed, anywhere: $anywhere)', async ({ seed, ...run }) => {
    await expectSameDespite(ground, { ...run, random: seededRandom(seed) })
  })
})
