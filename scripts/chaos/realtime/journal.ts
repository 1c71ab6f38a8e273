/** One durable event as a client was told it, or as the ledger has it. */
export type Told = { taskId: string; seq: number; text: string }

/** What one client has been told, over all its connections: no more than a real one would remember. */
export class Journal {
  readonly events: Told[] = []
  /** What no good server says to a client that asks from where it is. */
  readonly complaints: string[] = []
  /** Where it is; undefined before it was told. */
  after: string | undefined

  note(type: string, data: Readonly<Record<string, unknown>>, after?: string): void {
    const { taskId, seq } = data
    // Progress has no number, and may be lost.
    if (typeof taskId !== 'string' || typeof seq !== 'number') return
    this.events.push({ taskId, seq, text: textOf(type, data) })
    if (after !== undefined) this.after = after
  }

  /** Takes the answer to a request for a room. */
  answered(answer: Readonly<Record<string, unknown>>): void {
    const { after, ok, replay, reason } = answer
    if (ok !== true) return void this.complaints.push(`was refused: ${JSON.stringify(answer).slice(0, 200)}`)
    if (replay === 'reset') this.complaints.push(`was to begin anew: ${String(reason)}`)
    if (typeof after === 'string') this.after = after
  }
}

/** The same text for the same event, whatever way it came. */
export function textOf(type: string, data: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${type} ${JSON.stringify(fields)}`
}
