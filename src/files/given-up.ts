import { StopReason } from '../tasks/define-job.ts'

/** Fires when a run is stopped by what it will not go on from: not by a pause, nor because its worker shuts down. */
export function whenGivenUp(stopped: AbortSignal): AbortSignal {
  const givenUp = new AbortController()
  const decide = (): void => {
    const reason: unknown = stopped.reason
    if (reason instanceof StopReason && !goesOnAfter(reason)) givenUp.abort(reason)
  }
  if (stopped.aborted) decide()
  else stopped.addEventListener('abort', decide, { once: true })
  return givenUp.signal
}

/** Whether a later claim goes on from where the run was. */
export function goesOnAfter({ why }: StopReason): boolean {
  return why === 'paused' || why === 'shutdown'
}
