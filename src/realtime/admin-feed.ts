import type { Sql } from '../db/connect.ts'
import type { Log } from '../log.ts'
import type { Backlog } from '../tasks/backlog.ts'
import { adminFigures } from '../tasks/figures.ts'
import type { Hub } from './hub.ts'
import { notice } from './packet.ts'

const everyMs = 1_000

/** Tells the room `admin` every second how queues and workers stand, as long as somebody is in it. */
export function startAdminFeed({ hub, sql, backlog, log }: { hub: Hub; sql: Sql; backlog: Backlog; log: Log }): {
  close: () => void
} {
  let reading = false
  const tell = async (): Promise<void> => {
    if (reading || !hub.hasListeners('admin')) return
    reading = true
    try {
      hub.broadcast('admin', notice('admin.figures', await adminFigures(sql, backlog)))
    } catch (error) {
      log.debug({ err: error }, 'the figures could not be read')
    } finally {
      reading = false
    }
  }
  const timer = setInterval(() => void tell(), everyMs)
  return { close: () => clearInterval(timer) }
}
