import type { Client, Wish } from './client.ts'
import { untilAtRest } from './ledger.ts'
import { describeFaults, type Fault, type Round } from './plan.ts'
import type { Random } from './random.ts'
import type { Scene } from './scene.ts'
import type { Server } from './servers.ts'
import { patiently, pause } from './wait.ts'

const laneCount = 4
/** Over how long a round's requests are spread, so that faults find some in flight. */
const spreadMs = 2000

/** Lets clients create tasks while the planned faults strike, then waits until everything has come to rest. */
export async function runRounds(scene: Scene, rounds: readonly Round[], tasks: number): Promise<void> {
  const lanes = await Promise.all(Array.from({ length: laneCount }, () => scene.newClient()))
  let asked = 0
  for (const round of rounds) {
    scene.say(`round ${round.number} of ${rounds.length}: ${describeFaults(round)}`)
    const wanted = Math.ceil((tasks * round.number) / rounds.length) - asked
    asked += wanted
    await settled([
      ...lanes.map((client, lane) => createSome(scene, client, share(wanted, lane))),
      ...round.faults.map((fault) => strike(scene, fault)),
    ])
  }
  scene.say('all faults are over; waiting for what is left')
  await untilAtRest(scene)
}

/** Waits for all of them before it throws what one threw: nothing may go on behind the back of the next step. */
async function settled(works: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(works)
  await Promise.all(works)
}

function share(wanted: number, lane: number): number {
  return Math.floor((wanted * (lane + 1)) / laneCount) - Math.floor((wanted * lane) / laneCount)
}

/** Four of five requests ask for one task, the others for up to 20. */
async function createSome({ random, signal }: Scene, client: Client, count: number): Promise<void> {
  const requests: Wish[][] = []
  for (let left = count; left > 0; ) {
    const size = Math.min(left, random.next() < 0.8 ? 1 : random.whole(2, 20))
    requests.push(Array.from({ length: size }, () => wish(random)))
    left -= size
  }
  for (const wishes of requests) {
    await pause((random.next() * 2 * spreadMs) / requests.length, signal)
    await client.create(wishes)
  }
}

function wish(random: Random): Wish {
  const workMs = random.next() < 0.05 ? random.whole(500, 1500) : random.whole(0, 40)
  return { workMs, priority: random.whole(0, 100) }
}

async function strike({ stack, signal }: Scene, { kind, afterMs, downMs, place }: Fault): Promise<void> {
  await pause(afterMs, signal)
  switch (kind) {
    case 'worker':
      return takeDown(one(stack.workers, place), downMs, signal)
    case 'api':
      return takeDown(one(stack.apis, place), downMs, signal)
    case 'postgres':
      return takeDown(stack.postgres, downMs, signal)
    case 'redis':
      return stack.redis && takeDown(stack.redis, downMs, signal)
    case 'flush':
      return patiently(stack.wipe, signal)
  }
}

function one(servers: readonly Server[], place: number): Server | undefined {
  return servers[place % servers.length]
}

type Mortal = { kill9: () => Promise<void>; start: () => Promise<void> }

async function takeDown(victim: Mortal | undefined, downMs: number, signal: AbortSignal): Promise<void> {
  await victim?.kill9()
  await pause(downMs, signal)
  await victim?.start()
}
