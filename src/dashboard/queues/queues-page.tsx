import { useEffect, useState } from 'react'
import type { AdminFigures, BandView, WorkerView } from '../../client/browser.ts'
import { useAsk } from '../ask.ts'
import { count, duration } from '../format.ts'
import { useLive } from '../use-live.ts'
import { useAction } from '../parts/notices.tsx'
import { Failure, Loading } from '../parts/states.tsx'
import { useSession } from '../session.ts'
import { BoardLink } from './board-link.tsx'
import { Plot } from './plot.tsx'
import { Fairness, Workers } from './workers.tsx'
import { longestWaits } from './longest-waits.ts'

/** How the bands and their workers do; the figures come anew each second. */
export function QueuesPage() {
  const { client, feed } = useSession()
  const [figures, setFigures] = useState<AdminFigures>()
  const { error, reload } = useAsk(async () => {
    const [bands, workers] = await Promise.all([client.admin.bands(), client.admin.workers()])
    setFigures({ bands, workers })
  }, [client])
  useEffect(() => feed.enter('admin'), [feed])
  useLive({
    onEvent: (event) => void (event.type === 'admin.figures' && setFigures(event.data)),
    onSnapshot: ({ snapshot }) => void (snapshot.kind === 'admin' && setFigures(snapshot.figures)),
  })
  return (
    <>
      <div className="title-row">
        <h1>Queues</h1>
        <span className="spring" />
        <BoardLink />
      </div>
      {figures === undefined &&
        (error === undefined ? (
          <Loading rows={4} label="Loading queues" />
        ) : (
          <Failure error={error} onRetry={reload} />
        ))}
      {figures !== undefined && (
        <>
          <Total bands={figures.bands} workers={figures.workers} />
          <div className="cards">
            {figures.bands.map((band) => (
              <BandCard key={band.band} band={band} onChanged={reload} />
            ))}
          </div>
          <Workers workers={figures.workers} />
          <Fairness workers={figures.workers} />
        </>
      )}
    </>
  )
}

function Total({ bands, workers }: { bands: readonly BandView[]; workers: readonly WorkerView[] }) {
  const sum = (of: (band: BandView) => number) => bands.reduce((total, band) => total + of(band), 0)
  const slots = workers.reduce((total, { concurrency }) => total + concurrency, 0)
  const hour = sum(({ minutes }) => minutes.reduce((total, { completed }) => total + completed, 0))
  const figures: [string, string][] = [
    ['Waiting', count(sum(({ waiting, admitted }) => waiting + admitted))],
    ['Running', `${count(sum(({ running }) => running))} of ${count(slots)} slots`],
    ['Completed in the last hour', count(hour)],
    ['Workers', count(workers.length)],
  ]
  return (
    <dl className="figures panel">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

type CardProps = { band: BandView; onChanged: () => void }

function BandCard({ band, onChanged }: CardProps) {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const { band: name, pausedAt } = band
  const isPaused = pausedAt !== null
  const toggle = () => (isPaused ? client.admin.resumeBand(name) : client.admin.pauseBand(name))
  return (
    <section className="panel band" aria-labelledby={`band-${name}`}>
      <header>
        <h2 id={`band-${name}`}>{name.charAt(0).toUpperCase() + name.slice(1)}</h2>
        {isPaused && <span className="status paused">Paused</span>}
        <span className="spring" />
        <button
          type="button"
          className="button small"
          disabled={isBusy}
          aria-label={`${isPaused ? 'Resume' : 'Pause'} the ${name} band`}
          onClick={() => void act(toggle).then(onChanged)}
        >
          {isPaused ? 'Resume' : 'Pause'}
        </button>
      </header>
      <BandFigures band={band} />
    </section>
  )
}

function BandFigures({ band }: Pick<CardProps, 'band'>) {
  const { waiting, admitted, running, oldestWaitSeconds, minutes } = band
  return (
    <>
      <dl className="figures">
        <div>
          <dt>Waiting</dt>
          <dd>{count(waiting + admitted)}</dd>
        </div>
        <div>
          <dt>Running</dt>
          <dd>{count(running)}</dd>
        </div>
        <div>
          <dt>Longest wait</dt>
          <dd>{oldestWaitSeconds === 0 ? '–' : duration(oldestWaitSeconds)}</dd>
        </div>
      </dl>
      <Plot
        title="Ended per minute"
        series={[
          {
            name: 'completed',
            tone: 'good',
            points: minutes.map((at) => ({ minute: Date.parse(at.minute), value: at.completed })),
          },
          {
            name: 'failed',
            tone: 'bad',
            points: minutes.map((at) => ({ minute: Date.parse(at.minute), value: at.failed })),
          },
        ]}
        unit={count}
      />
      <Plot
        title="Longest wait"
        series={[
          {
            name: 'longest wait',
            tone: 'wait',
            points: longestWaits(band, Date.now()),
          },
        ]}
        unit={(seconds) => (seconds === 0 ? '0 s' : duration(seconds))}
      />
    </>
  )
}
