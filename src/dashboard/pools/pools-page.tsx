import { useState } from 'react'
import type { AdminPoolView, PoolUsageView, PoolView, UsageView } from '../../client/browser.ts'
import { type Asked, useAsk, useSoon } from '../ask.ts'
import { bytes, plural } from '../format.ts'
import { TaskForm } from '../forms/task-form.tsx'
import { useLive } from '../use-live.ts'
import { Icon } from '../parts/icon.tsx'
import { Progress } from '../parts/progress.tsx'
import { Empty, Failure, Loading } from '../parts/states.tsx'
import { useSession } from '../session.ts'
import { Migrations } from './migrations.tsx'
import { PoolCard } from './pool-card.tsx'
import { PoolForm } from './pool-form.tsx'

type Known = { usage: UsageView; pools: PoolView[]; adminPools: AdminPoolView[] }

/** Where files can be kept, how much of what is allowed is used, and moving everything from one pool to another. */
export function PoolsPage() {
  const { client, isAdmin } = useSession()
  const known = useAsk(async () => {
    const [usage, pools, adminPools] = await Promise.all([
      client.usage(),
      client.pools.list(),
      isAdmin ? client.admin.pools() : Promise.resolve([]),
    ])
    return { usage, pools, adminPools }
  }, [client, isAdmin])
  const reloadSoon = useSoon(1000, known.reload)
  useLive({
    onEvent: ({ type }) => void ((type === 'task.completed' || type === 'upload.completed') && reloadSoon()),
  })
  return (
    <>
      <h1>Pools</h1>
      <Shown known={known} />
    </>
  )
}

function Shown({ known: { answer, error, reload } }: { known: Asked<Known> }) {
  const { isAdmin } = useSession()
  if (answer === undefined) {
    return error === undefined ? <Loading rows={4} label="Loading pools" /> : <Failure error={error} onRetry={reload} />
  }
  const { usage, pools, adminPools } = answer
  const names = isAdmin ? adminPools.map(({ id, name }) => ({ id, name })) : pools
  return (
    <>
      <Quota usage={usage} />
      {isAdmin && <AdminBar canMigrate={adminPools.length > 1} onChanged={reload} />}
      {pools.length + adminPools.length === 0 && <Empty icon="folder" title="There is no pool for this account" />}
      <div className="cards">
        {isAdmin
          ? adminPools.map((pool) => (
              <PoolCard key={pool.id} pool={pool} usage={usageIn(usage, pool.id)} onChanged={reload} />
            ))
          : pools.map((pool) => <PlainPool key={pool.id} pool={pool} usage={usageIn(usage, pool.id)} />)}
      </div>
      <Migrations pools={names} />
    </>
  )
}

function usageIn({ pools }: UsageView, poolId: string): PoolUsageView | undefined {
  return pools.find((pool) => pool.poolId === poolId)
}

function Quota({ usage: { limitBytes, usedBytes, reservedBytes } }: { usage: UsageView }) {
  const taken = usedBytes + reservedBytes
  const percent = limitBytes === null || limitBytes === 0 ? undefined : Math.min(100, (100 * taken) / limitBytes)
  return (
    <section className="panel quota" aria-label="What this account uses">
      <p>
        <strong>{bytes(usedBytes)}</strong> used
        {limitBytes === null ? ', without a limit' : ` of ${bytes(limitBytes)}`}
        {reservedBytes > 0 && <span className="muted"> · {bytes(reservedBytes)} reserved by uploads</span>}
      </p>
      {percent !== undefined && <Progress percent={percent} label="Quota used" tone={percent > 90 ? 'bad' : ''} />}
    </section>
  )
}

function AdminBar({ canMigrate, onChanged }: { canMigrate: boolean; onChanged: () => void }) {
  const { client } = useSession()
  const [isMaking, setMaking] = useState(false)
  const [isMigrating, setMigrating] = useState(false)
  const { answer: types = [] } = useAsk(() => client.tasks.types(), [client])
  const migration = types.find(({ type }) => type === 'StorageMigration')
  return (
    <div className="filters">
      <button type="button" className="button small" onClick={() => setMaking(true)}>
        <Icon name="plus" /> New pool
      </button>
      {migration !== undefined && canMigrate && (
        <button type="button" className="button small" onClick={() => setMigrating(true)}>
          Migrate …
        </button>
      )}
      {isMaking && <PoolForm onClose={() => setMaking(false)} onDone={onChanged} />}
      {isMigrating && migration !== undefined && (
        <TaskForm type={migration} files={[]} start={{ allAccounts: true }} onClose={() => setMigrating(false)} />
      )}
    </div>
  )
}

function PlainPool({ pool, usage }: { pool: PoolView; usage: PoolUsageView | undefined }) {
  const { id, name, isDefault, disabled, maxFileSize, acceptedTypes, encryption } = pool
  return (
    <section className="panel card" aria-labelledby={`pool-${id}`}>
      <header>
        <h2 id={`pool-${id}`}>{name}</h2>
        {isDefault && <span className="tag">default</span>}
        {disabled && <span className="status paused">Takes no new files</span>}
      </header>
      <dl className="facts pairs">
        <div>
          <dt>Your files</dt>
          <dd>{usage === undefined ? 'None' : `${plural(usage.filesCount, 'file')}, ${bytes(usage.usedBytes)}`}</dd>
        </div>
        <div>
          <dt>Largest file</dt>
          <dd>{maxFileSize === null ? 'Any size' : bytes(maxFileSize)}</dd>
        </div>
        <div>
          <dt>Types</dt>
          <dd>{acceptedTypes === null ? 'All' : acceptedTypes.join(', ')}</dd>
        </div>
        <div>
          <dt>Encryption</dt>
          <dd>{encryption}</dd>
        </div>
      </dl>
    </section>
  )
}
