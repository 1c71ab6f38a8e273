import { type Band, bands } from '../contract/task.ts'
import { type AdmittedDelivery, admitBand } from '../db/admission.ts'
import { type Sql, transactReplanned } from '../db/connect.ts'
import { listServedTypes } from '../db/workers.ts'
import type { Log } from '../log.ts'
import type { Engine } from '../queue/engine.ts'
import type { Tracing } from '../tracing/tracing.ts'

export type Dispatcher = {
  /** Asks for waiting tasks to be handed to the engine, of these bands or of all, now and without waiting for it. Never throws. */
  admit: (of?: readonly Band[]) => void
  /** The same after the engine has lost some: as many as it may hold, however many it still has. */
  admitLost: () => void
  /** Says that a delivery of the band was claimed here: every so often that makes room for more. */
  claimed: (band: Band) => void
  /** Resolves when no admission is under way any more. */
  idle: () => Promise<void>
}

type AdmitDeps = { sql: Sql; engine: Engine; tracing: Pick<Tracing, 'isOn' | 'begin'> }

/** A quarter of the window: often enough to keep it filled, seldom enough to cost nothing. */
const claimsPerRound = 128
const typesKnownForMs = 2000

/**
 * Hands waiting tasks to the engine, one round at a time per process. The ledger commits the admission first: should the
 * engine not take the jobs, the sweep finds that it lacks them and has them admitted anew.
 */
export function createDispatcher({ sql, engine, tracing, log }: AdmitDeps & { log: Log }): Dispatcher {
  let running: Promise<void> | undefined
  const wanted = new Set<Band>()
  let whole = false
  const claims = new Map<Band, number>()
  const typesOf = servedTypes(sql)

  const run = async (): Promise<void> => {
    while (wanted.size > 0) {
      const now = bands.filter((band) => wanted.has(band))
      const how = { whole }
      wanted.clear()
      whole = false
      try {
        const types = await typesOf()
        await Promise.all(now.map((band) => admitAll({ sql, engine, tracing }, band, types, how)))
      } catch (error) {
        log.warn({ err: error }, 'tasks could not be handed to the queue; the sweep tries again')
      }
    }
    running = undefined
  }

  const admit = (of: readonly Band[] = bands): void => {
    for (const band of of) wanted.add(band)
    running ??= run()
  }

  return {
    admit,
    admitLost: () => {
      whole = true
      admit()
    },
    claimed: (band) => {
      const count = (claims.get(band) ?? 0) + 1
      claims.set(band, count)
      if (count % claimsPerRound === 0) admit([band])
    },
    idle: async () => {
      await running
    },
  }
}

async function admitAll(
  { sql, engine, tracing }: AdmitDeps,
  band: Band,
  types: readonly string[],
  how: { whole: boolean },
): Promise<void> {
  // A crash that undoes an admission leaves the task waiting for another one, with the same dispatch.
  const deliveries = await transactReplanned(sql, (query) => admitBand(query, band, types, how), {
    isDurable: false,
  })
  if (deliveries.length === 0) return
  const told = tellPublished(tracing, deliveries)
  try {
    await engine.add(deliveries)
    told()
  } catch (error) {
    told(error)
    throw error
  }
}

/** Each delivery is a span of its task's trace, which ends when the engine has it. */
function tellPublished(
  tracing: AdmitDeps['tracing'],
  deliveries: readonly AdmittedDelivery[],
): (error?: unknown) => void {
  const traced = tracing.isOn ? deliveries.filter((one) => one.traceparent !== null) : []
  const spans = traced.map(({ taskId, dispatch, band, traceparent }) =>
    tracing.begin({
      name: `publish ${band}`,
      kind: 'producer',
      parent: traceparent,
      attributes: {
        'messaging.system': 'bullmq',
        'messaging.operation.type': 'send',
        'messaging.destination.name': band,
        'messaging.message.id': `${taskId}-${dispatch}`,
        'messaging.batch.message_count': deliveries.length,
      },
    }),
  )
  return (error) => {
    for (const span of spans) span.end({ error })
  }
}

/** The types that live workers have registered, asked for now and then. */
function servedTypes(sql: Sql): () => Promise<readonly string[]> {
  let known: { types: readonly string[]; until: number } | undefined
  return async () => {
    if (!known || known.until < Date.now()) {
      known = { types: await listServedTypes(sql), until: Date.now() + typesKnownForMs }
    }
    return known.types
  }
}
