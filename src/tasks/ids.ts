import { randomUUID } from 'node:crypto'

/** A UUID of version 7 (RFC 9562): its first 48 bits are the time, so that new tasks lie side by side in the index. */
export function newTaskId(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  const random = randomUUID()
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`
}
