import type { z } from 'zod'
import type { PostOutcome } from './post.ts'

/** What somebody is notified of: two lines to be read, and what a program needs to show more. */
export type Message = {
  title: string
  body: string
  /** `type` of the event, `taskId`, and for an upload `fileId`. */
  data: Record<string, string>
}

/** An address as its client gave it, and what is to be known of it without opening it. */
export type Address = {
  /** Written down sealed. */
  text: string
  /** The same for the same receiver, whatever else it says. */
  identity: string
  host: string
  expiresAt: Date | null
}

/** `gone`: the receiver is not there any more, and will not come back. */
export type SendOutcome = 'sent' | 'gone' | { failed: PostOutcome }

/**
 * A way to notify people: Web Push; others (FCM, APNs) are a file each, listed in `notifiers.ts`. Everything else
 * (who, of what, when, whether again) is not its business.
 */
export type Notifier = {
  transport: string
  /** Reads an address as a client sends it. `issues` names every bad field. */
  read: (given: Record<string, unknown>) => { address: Address } | { issues: { field: string; message: string }[] }
  /** `topic` names what it is about: a later message of the same topic takes the place of one that has not arrived. Never throws. */
  send: (address: string, message: Message, topic: string, stop?: AbortSignal) => Promise<SendOutcome>
}

/** What is wrong with an address, as the API says it. */
export function issuesOf(error: z.ZodError): { field: string; message: string }[] {
  return error.issues.map(({ path, message }) => ({ field: path.map(String).join('.'), message }))
}
