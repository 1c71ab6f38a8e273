import type { TaskEventView } from '../../client/browser.ts'
import { duration, fullMoment, moment } from '../format.ts'

const names: Record<string, { text: string; tone: string }> = {
  'task.created': { text: 'Created', tone: 'off' },
  'task.started': { text: 'Started', tone: 'run' },
  'task.completed': { text: 'Completed', tone: 'good' },
  'task.failed': { text: 'Failed', tone: 'bad' },
  'task.cancelled': { text: 'Cancelled', tone: 'off' },
  'task.paused': { text: 'Paused', tone: 'off' },
  'task.resumed': { text: 'Resumed', tone: 'run' },
  'task.retried': { text: 'Tried again', tone: 'wait' },
  'task.expired': { text: 'Expired', tone: 'bad' },
  'upload.completed': { text: 'Uploaded and verified', tone: 'good' },
  'upload.failed': { text: 'Upload failed', tone: 'bad' },
}

/** What happened to a task, from its history. */
export function Timeline({ events }: { events: readonly TaskEventView[] }) {
  return (
    <section className="panel" aria-labelledby="timeline-title">
      <header>
        <h2 id="timeline-title">Timeline</h2>
      </header>
      <ol className="timeline">
        {events.map(({ seq, type, data, createdAt }, index) => {
          const before = events[index - 1]
          const tookSeconds =
            before === undefined ? undefined : (Date.parse(createdAt) - Date.parse(before.createdAt)) / 1000
          const { text, tone } = names[type] ?? { text: type, tone: 'off' }
          const beside = besideOf(data)
          return (
            <li key={seq} className={tone}>
              <strong>{text}</strong>
              {typeof data['attempt'] === 'number' && data['attempt'] > 1 && <span> · attempt {data['attempt']}</span>}
              {beside !== undefined && <p>{beside}</p>}
              <span className="muted" title={fullMoment(createdAt)}>
                {moment(createdAt)}
                {tookSeconds !== undefined && ` · after ${duration(tookSeconds)}`}
              </span>
            </li>
          )
        })}
      </ol>
    </section>
  )
}

function besideOf(data: Record<string, unknown>): string | undefined {
  const said = data['errorMessage'] ?? data['reason']
  return typeof said === 'string' ? said : undefined
}
