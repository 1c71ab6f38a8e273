import type { AllowedHosts } from './destination.ts'
import type { Notifier } from './notifier.ts'
import { createPost } from './post.ts'
import type { VapidSettings } from './vapid.ts'

export type Notifiers = ReadonlyMap<string, Notifier>

export type NotifierSettings = {
  allowedHosts: AllowedHosts
  webhooks: { timeoutMs: number }
  push: { vapid: VapidSettings | undefined }
}

/** More of an answer is not read. */
const answerBytes = 16 * 1024

/**
 * The ways to notify people that this server is set up for, by their names. Another one is a file beside web-push.ts, and a
 * line here. What is not set up is not loaded.
 */
export async function openNotifiers({ allowedHosts, webhooks, push }: NotifierSettings): Promise<Notifiers> {
  const post = createPost(allowedHosts, { timeoutMs: webhooks.timeoutMs, answerBytes })
  const all: Notifier[] = []
  if (push.vapid) all.push((await import('./web-push.ts')).webPushNotifier(push.vapid, { post, allowedHosts }))
  return new Map(all.map((notifier) => [notifier.transport, notifier]))
}
