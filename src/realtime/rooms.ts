import type { Socket } from 'socket.io'
import { z } from 'zod'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { type Refusal, refusalOf } from './refusal.ts'

export type FindTaskOwner = (taskId: string) => Promise<string | undefined>

type RoomsOptions = { account: string; findTaskOwner: FindTaskOwner; maxRooms: number; log: Log }
type Answer = { ok: true; room: string } | Refusal

const roomForm = /^(?:task|account):[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const roomRequest = z.strictObject({
  room: z
    .string()
    .regex(roomForm, 'must be task:{id} or your own account:{id}')
    .transform((room) => room.toLowerCase()),
})

export function accountRoom(account: string): string {
  return `account:${account}`
}

export function taskRoom(taskId: string): string {
  return `task:${taskId}`
}

/**
 * Joins the socket to its account's room and lets it `subscribe` to and `unsubscribe` from rooms: those of its account's
 * tasks, and its account's own. Each request is answered through its acknowledgement, if it has one. Requests of one
 * socket are served in turn, so that the last word on a room counts.
 */
export function serveRooms(socket: Socket, options: RoomsOptions): void {
  let turn: Promise<void> = Promise.resolve()
  const serve = (verb: (room: string) => Promise<void>) => {
    return (...args: unknown[]) => {
      turn = turn.then(async () => reply(args, await answer(args[0], verb, options.log)))
    }
  }
  void socket.join(accountRoom(options.account))
  socket.on(
    'subscribe',
    serve((room) => subscribe(socket, room, options)),
  )
  socket.on(
    'unsubscribe',
    serve(async (room) => socket.leave(room)),
  )
}

async function answer(request: unknown, verb: (room: string) => Promise<void>, log: Log): Promise<Answer> {
  try {
    const { room } = parseRequest(request)
    await verb(room)
    return { ok: true, room }
  } catch (error) {
    return refusalOf(error, log)
  }
}

function parseRequest(request: unknown): z.output<typeof roomRequest> {
  const parsed = roomRequest.safeParse(request)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.map((issue) => ({ field: issue.path.join('.'), message: issue.message }))
  throw new AppError('VALIDATION_FAILED', 'The request names no room that can be watched.', { details: { errors } })
}

async function subscribe(
  socket: Socket,
  room: string,
  { account, findTaskOwner, maxRooms }: RoomsOptions,
): Promise<void> {
  const [kind, id = ''] = room.split(':')
  if (kind === 'account' && id !== account) {
    throw new AppError('VALIDATION_FAILED', 'Of the rooms of accounts, only your own can be watched.', {
      details: { room },
    })
  }
  if (kind === 'task' && (await findTaskOwner(id)) !== account) {
    throw new AppError('TASK_NOT_FOUND', 'There is no such task.', { details: { taskId: id } })
  }
  if (socket.rooms.size >= maxRooms && !socket.rooms.has(room)) {
    throw new AppError('VALIDATION_FAILED', `One connection can watch ${maxRooms} rooms.`, { details: { maxRooms } })
  }
  await socket.join(room)
}

function reply(args: unknown[], said: Answer): void {
  const acknowledge = args.at(-1)
  if (isFunction(acknowledge)) acknowledge(said)
}

function isFunction(value: unknown): value is (said: Answer) => void {
  return typeof value === 'function'
}
