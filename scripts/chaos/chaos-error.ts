/** Something did not come about in time, or came out otherwise; its message says what, for the report. */
export class ChaosError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ChaosError'
  }
}
