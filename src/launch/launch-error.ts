/** Something the person who starts Longshore can put right; its message is one line that says what to do. */
export class LaunchError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'LaunchError'
  }
}
