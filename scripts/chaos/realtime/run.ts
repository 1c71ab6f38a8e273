import { setMaxListeners } from 'node:events'
import { ChaosError } from '../chaos-error.ts'
import { type Client, openClient, type Tally } from '../client.ts'
import { untilAtRest } from '../ledger.ts'
import { seededRandom } from '../random.ts'
import type { Finding } from '../scene.ts'
import { type Stack, startStack } from '../stack.ts'
import { pause } from '../wait.ts'
import { type Case, faultFindings, findFaults, isComplete } from './judge.ts'
import { readLedger } from './ledger.ts'
import type { RealtimeOptions } from './options.ts'
import { Streamer } from './streamer.ts'
import { type Lane, planStrikes, type Strike } from './strikes.ts'
import { makeTraffic } from './traffic.ts'
import { Watcher } from './watcher.ts'

export type RealtimeRun = RealtimeOptions & {
  /** Ends the run early; everything it started is ended all the same. */
  stop: AbortSignal
  say: (line: string) => void
}

type Scene = RealtimeRun & { stack: Stack; signal: AbortSignal; clients: number; owners: readonly Client[] }
type Crowd = { watchers: Watcher[]; streamers: Streamer[] }
type Struck = Record<Strike['how'], number>

const accountCount = 4
/** Of the tasks, so many are watched by a client of their own room, and so many by a stream. */
const taskRoomShare = 0.05
const streamShare = 0.15
const catchUpMs = 30_000

/** Runs everything and answers what became of the promise. Throws when `stop` fires, and when the product cannot be started. */
export async function runRealtimeChaos(options: RealtimeRun): Promise<Finding[]> {
  const limit = AbortSignal.timeout(120_000 + options.seconds * 2000)
  const signal = AbortSignal.any([options.stop, limit])
  // Every client that is there listens to it.
  setMaxListeners(0, signal)
  const stack = await startStack({ ...options, signal })
  try {
    const tally: Tally = { acknowledged: new Set(), requests: 0, repeated: 0 }
    const random = seededRandom(options.seed)
    const newClient = () => openClient({ stack, tally, random, signal })
    const owners = await Promise.all(Array.from({ length: accountCount }, newClient))
    return await watchThrough({ ...options, stack, signal, owners })
  } catch (error) {
    if (options.stop.aborted) throw new ChaosError('stopped before it was done', { cause: error })
    if (!limit.aborted) throw error
    return [{ promise: 'the run ends', target: 'an end', measured: 'it did not end in time', held: false }]
  } finally {
    await stack.stop()
  }
}

async function watchThrough(scene: Scene): Promise<Finding[]> {
  const { signal, say, seconds, seed } = scene
  const crowd: Crowd = { watchers: accountWatchers(scene), streamers: [] }
  await Promise.all(crowd.watchers.map((watcher) => watcher.begin()))
  say(`${crowd.watchers.length} clients have begun; ${seconds} s of faults`)
  const over = new AbortController()
  const works = startWatching(scene, crowd, over.signal)
  const struck: Struck = { SIGKILL: 0, SIGTERM: 0, flush: 0 }
  const end = performance.now() + seconds * 1000
  const lanes = planStrikes({ seed, seconds }).map((lane) => strikeAll(scene, lane, end, struck))
  try {
    await Promise.all([...lanes, pause(seconds * 1000, signal)])
  } finally {
    over.abort()
    await Promise.allSettled([...lanes, ...works])
  }
  await Promise.all(works)
  say('all faults are over; waiting for what is left')
  await untilAtRest(scene)
  return judge(scene, crowd, struck)
}

function accountWatchers({ stack, signal, clients, owners, seed }: Scene): Watcher[] {
  return Array.from({ length: clients }, (_, index) => {
    const account = owners[index % owners.length]?.account ?? ''
    return new Watcher({
      name: `client ${index + 1}`,
      account,
      room: `account:${account}`,
      apis: stack.apis,
      secret: stack.secret,
      random: seededRandom(seed + 100 + index),
      signal,
    })
  })
}

/** Has clients come and go, and their accounts do things; more clients come for single tasks. Answers what goes on until `over`. */
function startWatching(scene: Scene, crowd: Crowd, over: AbortSignal): Promise<void>[] {
  const { stack, signal, owners, seed } = scene
  const random = seededRandom(seed + 50)
  const works = crowd.watchers.map((watcher) => watcher.comeAndGo(over))
  const beginnings = new Map(crowd.watchers.map(({ room, journal }) => [room, journal.after]))
  for (const client of owners) {
    const { account } = client
    const place = { account, apis: stack.apis, secret: stack.secret, random, signal }
    const onTask = (taskId: string): void => {
      if (over.aborted) return
      const luck = random.next()
      if (luck < taskRoomShare) {
        const watcher = new Watcher({ ...place, name: `the client of ${taskId}`, room: `task:${taskId}` })
        // A cursor is right for every room: from before the task was made, all of it is missed.
        watcher.journal.after = beginnings.get(`account:${account}`)
        crowd.watchers.push(watcher)
        works.push(watcher.comeAndGo(over))
      } else if (luck < taskRoomShare + streamShare) {
        const streamer = new Streamer({ ...place, taskId })
        crowd.streamers.push(streamer)
        works.push(streamer.follow())
      }
    }
    works.push(makeTraffic({ client, random, signal, onTask }, over))
  }
  return works
}

async function strikeAll({ stack, signal }: Scene, { victim, strikes }: Lane, end: number, struck: Struck) {
  const server = [...stack.apis, ...stack.workers].find(({ name }) => name === victim)
  for (const { afterMs, how, downMs } of strikes) {
    await pause(Math.min(afterMs, Math.max(0, end - performance.now())), signal)
    if (performance.now() >= end) return
    struck[how] += 1
    if (how === 'flush') await stack.wipe()
    else await (how === 'SIGKILL' ? server?.kill9() : server?.stop())
    if (how === 'flush') continue
    await pause(downMs, signal)
    await server?.start()
  }
}

async function judge({ stack, owners, say }: Scene, crowd: Crowd, struck: Struck): Promise<Finding[]> {
  const ledger = await readLedger(
    stack.sql,
    owners.map(({ account }) => account),
  )
  const cases: Case[] = [...crowd.watchers, ...crowd.streamers].map((one) => ({
    name: one.name,
    journal: one.journal,
    ledger: ('taskId' in one ? ledger.get(`task:${one.taskId}`) : ledger.get(one.room)) ?? [],
  }))
  await Promise.all(
    crowd.watchers.map((watcher, index) => {
      const mine = cases[index]
      return watcher.catchUp(() => mine === undefined || isComplete(mine), catchUpMs)
    }),
  )
  const events = cases.reduce((sum, one) => sum + one.ledger.length, 0)
  const visits = [...crowd.watchers, ...crowd.streamers].reduce((sum, one) => sum + one.visits, 0)
  const { SIGKILL, SIGTERM, flush } = struck
  say(
    `${SIGKILL} processes killed, ${SIGTERM} ended in order, the queue emptied ${flush} times; ${crowd.watchers.length} clients of rooms` +
      ` and ${crowd.streamers.length} streams connected ${visits} times`,
  )
  return [
    ...faultFindings(findFaults(cases), `of ${events} events told to ${cases.length} clients`),
    {
      promise: 'something was broken and something was told',
      target: 'more than nothing',
      measured: `${SIGKILL} kills, ${flush} flushes, ${events} events`,
      held: SIGKILL > 0 && flush > 0 && events > 0,
    },
    {
      promise: 'processes that ended though nobody ended them',
      target: '0',
      measured: [String(stack.ownEnds.length), ...stack.ownEnds].join('\n    '),
      held: stack.ownEnds.length === 0,
    },
  ]
}
