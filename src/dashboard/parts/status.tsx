import type { TaskStatus } from '../../client/browser.ts'

const shown: Record<TaskStatus, string> = {
  Pending: 'Waiting',
  InProgress: 'Running',
  Paused: 'Paused',
  Completed: 'Completed',
  Failed: 'Failed',
  Cancelled: 'Cancelled',
  Expired: 'Expired',
}

export const statuses = ['Pending', 'InProgress', 'Paused', 'Completed', 'Failed', 'Cancelled', 'Expired'] as const

/** A status in a word. */
export function statusName(status: TaskStatus): string {
  return shown[status]
}

/** The same with its colour. */
export function Status({ status }: { status: TaskStatus }) {
  return <span className={`status ${status.toLowerCase()}`}>{shown[status]}</span>
}
