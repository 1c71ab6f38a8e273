/**
 * What a read of the ledger could see (`pg_snapshot`): every transaction below `xmin`, and below `xmax` those that were
 * not running. Of two snapshots of one server the later one sees everything that the earlier one does.
 */
export type Snapshot = { xmin: number; xmax: number; running: readonly number[] }

const form = /^(\d{1,16}):(\d{1,16}):((?:\d{1,16}(?:,\d{1,16})*)?)$/

/** Reads what Postgres writes, `xmin:xmax:xip,…`. Undefined for what no snapshot looks like. */
export function parseSnapshot(text: string): Snapshot | undefined {
  const [, xmin, xmax, xip] = form.exec(text) ?? []
  if (xmin === undefined || xmax === undefined) return undefined
  return checkSnapshot({
    xmin: Number(xmin),
    xmax: Number(xmax),
    running: xip === undefined || xip === '' ? [] : xip.split(',').map(Number),
  })
}

/** The snapshot itself when Postgres would take it, else undefined. */
export function checkSnapshot(snapshot: Snapshot): Snapshot | undefined {
  const { xmin, xmax, running } = snapshot
  const numbers = [xmin, ...running, xmax]
  if (xmin < 1 || !numbers.every(Number.isSafeInteger)) return undefined
  const rises = running.every((xid, index) => xid >= xmin && xid < xmax && xid > (running[index - 1] ?? 0))
  return rises && xmin <= xmax ? snapshot : undefined
}

/** As Postgres writes it. */
export function formatSnapshot({ xmin, xmax, running }: Snapshot): string {
  return `${xmin}:${xmax}:${running.join(',')}`
}

/** Whether what this transaction wrote was visible, should it have committed. */
export function sees({ xmin, xmax, running }: Snapshot, xid: number): boolean {
  return xid < xmin || (xid < xmax && !running.includes(xid))
}

/** The part of a snapshot that is about transactions below `first`. */
export function below({ xmin, xmax, running }: Snapshot, first: number): Snapshot {
  return {
    xmin: Math.min(xmin, first),
    xmax: Math.min(xmax, first),
    running: running.filter((xid) => xid < first),
  }
}

/** Whether one snapshot sees everything that another one does. */
export function covers(one: Snapshot, other: Snapshot): boolean {
  return one.xmax >= other.xmax && one.running.every((xid) => !sees(other, xid))
}
