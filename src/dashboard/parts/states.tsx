import type { ReactNode } from 'react'
import { LongshoreError } from '../../client/browser.ts'
import { Icon, type IconName } from './icon.tsx'

/** Where a list would be when there is nothing in it. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
    </div>
  )
}

/** Where something would be that could not be had, with a way to ask again. */
export function Failure({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const code = error instanceof LongshoreError ? error.code : undefined
  return (
    <div className="failure" role="alert">
      <Icon name="alert" />
      <div>
        <strong>{code === 'NETWORK' ? 'The server cannot be reached.' : 'This could not be loaded.'}</strong>
        <p>{error.message}</p>
      </div>
      <button type="button" className="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  )
}

/** Grey bars where rows are about to be. */
export function Loading({ rows = 5, label = 'Loading' }: { rows?: number; label?: string }) {
  return (
    <div className="loading" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="bar" />
      ))}
    </div>
  )
}
