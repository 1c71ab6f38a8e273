import { bytes, duration, plural, rate } from '../format.ts'
import { Icon } from '../parts/icon.tsx'
import { useAction } from '../parts/notices.tsx'
import { Progress } from '../parts/progress.tsx'
import { hasEnded, type UploadItem, useUploads } from './upload-list.ts'

/** What this tab uploads, and what came of it. */
export function UploadRows() {
  const { uploads, items } = useUploads()
  if (items.length === 0) return null
  const open = items.filter((item) => !hasEnded(item))
  const failed = items.filter(({ phase }) => phase === 'failed').length
  const text =
    open.length === 0
      ? `${plural(items.length, 'upload')} finished`
      : `${plural(open.length - failed, 'upload')} to go${failed === 0 ? '' : `, ${failed} failed`}`
  return (
    <section className="panel" aria-labelledby="uploads-title">
      <header>
        <h2 id="uploads-title">Uploads</h2>
        <span className="muted" role="status">
          {text}
        </span>
        {open.length < items.length && (
          <button type="button" className="button small" onClick={() => uploads.clear()}>
            Clear finished
          </button>
        )}
      </header>
      <ul className="uploads">
        {items.map((item) => (
          <UploadRow key={item.key} item={item} />
        ))}
      </ul>
    </section>
  )
}

function UploadRow({ item }: { item: UploadItem }) {
  const { name, sizeBytes, phase, state } = item
  const isRunning = phase === 'running'
  const isReading = isRunning && (state === undefined || state.phase === 'hashing')
  const percent = phase === 'waiting' ? 0 : hasEnded(item) ? 100 : (state?.percent ?? 0)
  const tone =
    phase === 'failed'
      ? 'bad'
      : phase === 'cancelled'
        ? 'off'
        : hasEnded(item)
          ? 'good'
          : isReading || state?.isPaused
            ? 'off'
            : ''
  return (
    <li className="upload">
      <div className="upload-name">
        <span className="ellipsis" title={name}>
          {name}
        </span>
        <span className="muted">{bytes(sizeBytes)}</span>
      </div>
      <Progress
        percent={isRunning && state?.phase === 'finishing' ? undefined : percent}
        label={`${isReading ? 'Reading' : 'Upload'} of ${name}`}
        tone={tone}
      />
      <div className="upload-facts">
        <Facts item={item} />
      </div>
      <Buttons item={item} />
    </li>
  )
}

function Facts({ item: { phase, state, error } }: { item: UploadItem }) {
  if (phase === 'waiting') return <span className="muted">Waits for its turn</span>
  if (phase === 'cancelled') return <span className="muted">Cancelled</span>
  if (phase === 'failed') return <span className="bad-text">{error}</span>
  if (phase === 'done') return <span className="good-text">Uploaded and verified</span>
  if (phase === 'instant') {
    return (
      <span className="good-text">
        <Icon name="bolt" /> Instant: the server had these bytes already
      </span>
    )
  }
  if (state === undefined || state.phase === 'hashing') {
    return <span className="muted">Reading the file · {Math.round(state?.percent ?? 0)} %</span>
  }
  if (state.isPaused) return <span className="muted">Paused at {Math.round(state.percent)} %</span>
  if (state.phase === 'finishing') return <span className="muted">The server verifies it</span>
  return (
    <span className="muted">
      {Math.round(state.percent)} %{state.bytesPerSecond > 0 && ` · ${rate(state.bytesPerSecond)}`}
      {state.secondsLeft !== null && ` · ${duration(state.secondsLeft)} left`}
      {state.isResumed && ' · resumed'}
    </span>
  )
}

function Buttons({ item }: { item: UploadItem }) {
  const { uploads } = useUploads()
  const { act, isBusy } = useAction()
  const { key, name, phase, state } = item
  const button = (label: string, icon: 'pause' | 'play' | 'close' | 'retry', does: () => Promise<void> | void) => (
    <button
      type="button"
      className="icon-button"
      aria-label={`${label} ${name}`}
      title={label}
      disabled={isBusy}
      onClick={() => void act(async () => does())}
    >
      <Icon name={icon} />
    </button>
  )
  const canPause = phase === 'running' && state?.phase !== 'finishing'
  return (
    <div className="upload-buttons">
      {canPause && !state?.isPaused && button('Pause', 'pause', () => uploads.pause(key))}
      {canPause && state?.isPaused && button('Resume', 'play', () => uploads.resume(key))}
      {phase === 'failed' && button('Try again', 'retry', () => uploads.retry(key))}
      {!hasEnded(item) && button('Cancel', 'close', () => uploads.cancel(key))}
    </div>
  )
}
