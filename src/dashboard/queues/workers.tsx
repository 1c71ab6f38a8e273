import type { WorkerView } from '../../client/browser.ts'
import { count, moment, plural, words } from '../format.ts'
import { Empty } from '../parts/states.tsx'

/** Who works, and at what. */
export function Workers({ workers }: { workers: readonly WorkerView[] }) {
  return (
    <section className="panel" aria-labelledby="workers-title">
      <header>
        <h2 id="workers-title">Workers</h2>
      </header>
      {workers.length === 0 && (
        <Empty icon="alert" title="Nobody works">
          Tasks wait until a worker is started.
        </Empty>
      )}
      <ul className="workers">
        {workers.map((worker) => (
          <Worker key={worker.id} worker={worker} />
        ))}
      </ul>
    </section>
  )
}

function Worker({ worker: { id, bands, concurrency, running, sweeps, startedAt } }: { worker: WorkerView }) {
  return (
    <li>
      <div className="worker-head">
        <strong className="mono ellipsis" title={id}>
          {id}
        </strong>
        {bands.map((band) => (
          <span key={band} className="tag">
            {band}
          </span>
        ))}
        {sweeps && <span className="tag">sweeps</span>}
        <span className="spring" />
        <span className="muted">
          {running.length} of {plural(concurrency, 'slot')} · since {moment(startedAt)}
        </span>
      </div>
      <div className="slots" aria-hidden="true">
        {Array.from({ length: Math.min(concurrency, 64) }, (_, index) => (
          <span key={index} className={index < running.length ? 'taken' : ''} />
        ))}
      </div>
      {running.length > 0 && (
        <ul className="running">
          {running.map(({ taskId, type, name, accountId }) => (
            <li key={taskId}>
              <span className="ellipsis">{name}</span>
              <span className="muted">
                {words(type)} · account <span className="mono">{accountId.slice(0, 8)}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </li>
  )
}

/** How the slots that are taken are shared among accounts just now. */
export function Fairness({ workers }: { workers: readonly WorkerView[] }) {
  const running = workers.flatMap((worker) => worker.running)
  const shares = new Map<string, number>()
  for (const { accountId } of running) shares.set(accountId, (shares.get(accountId) ?? 0) + 1)
  const sorted = [...shares].sort(([, one], [, other]) => other - one)
  return (
    <section className="panel" aria-labelledby="fairness-title">
      <header>
        <h2 id="fairness-title">Accounts</h2>
        <span className="muted">Who has how many of the slots that are taken. Accounts that wait take turns.</span>
      </header>
      {sorted.length === 0 ? (
        <p className="muted pad">Nothing runs just now.</p>
      ) : (
        <ul className="shares">
          {sorted.map(([accountId, slots]) => (
            <li key={accountId}>
              <span className="mono ellipsis">{accountId}</span>
              <span className="share" aria-hidden="true">
                <span style={{ inlineSize: `${(100 * slots) / running.length}%` }} />
              </span>
              <span className="number">
                {count(slots)} ({Math.round((100 * slots) / running.length)} %)
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
