/**
 * Turns the signals that ask for an end into two abort signals: `stop` at the first, `hurry` at a later one. What comes
 * within a second of the first counts as the same wish: a terminal and npm both pass one Ctrl-C on.
 */
export function stopSignals(): { stop: AbortSignal; hurry: AbortSignal } {
  const stop = new AbortController()
  const hurry = new AbortController()
  let firstAt = 0
  const onSignal = () => {
    if (!stop.signal.aborted) {
      firstAt = performance.now()
      stop.abort()
    } else if (performance.now() - firstAt > 1000) {
      hurry.abort()
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  // Nobody reads what we print any more: a closed terminal, or `npm start | head`.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', onSignal)
  return { stop: stop.signal, hurry: hurry.signal }
}
