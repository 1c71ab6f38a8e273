import type { Message } from './notifier.ts'

/** What people are told of an event: in one line what, in another how. */
export function messageOf(type: string, data: Record<string, unknown>): Message {
  const name = textOf(data['fileName']) ?? textOf(data['name']) ?? ''
  const ids = ['taskId', 'fileId'].flatMap((field) => {
    const id = textOf(data[field])
    return id === undefined ? [] : [[field, id] as const]
  })
  const facts = { type, ...Object.fromEntries(ids) }
  switch (type) {
    case 'upload.completed':
      return { title: name, body: 'The upload is complete.', data: facts }
    case 'upload.failed':
      return { title: name, body: `The upload failed. ${textOf(data['errorMessage']) ?? ''}`.trim(), data: facts }
    case 'task.completed':
      return { title: name, body: 'The task is complete.', data: facts }
    case 'task.failed':
      return { title: name, body: `The task failed. ${textOf(data['errorMessage']) ?? ''}`.trim(), data: facts }
    case 'task.expired':
      return { title: name, body: 'The deadline passed before the task ended.', data: facts }
    default:
      return { title: 'Longshore', body: 'Notifications arrive.', data: facts }
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
