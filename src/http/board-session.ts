import { createHash, randomBytes } from 'node:crypto'
import type { Request } from 'express'
import { boardSessionView } from '../contract/admin.ts'
import { hasBoardSession, insertBoardSession } from '../db/board-sessions.ts'
import type { Query, Sql } from '../db/connect.ts'
import { json } from './outcomes.ts'
import { type Route, route } from './route.ts'

/** Where the board of the queues lies. */
export const boardPath = '/admin/queues'
const cookieName = 'longshore_board'
const lastsMs = 15 * 60_000

/**
 * `/admin/queues/session`: a browser that navigates sends no bearer token, so an administrator trades theirs for a cookie that opens the
 * board alone, for a quarter of an hour and never for longer than the token counts.
 */
export function boardSessionRoutes({ sql }: { sql: Sql }): Route[] {
  return [
    route(
      {
        method: 'POST',
        path: '/queues/session',
        id: 'openQueueBoard',
        summary: 'Open the board of the queues to this browser for 15 minutes',
        description: `The cookie opens \`${boardPath}/\`, where bull-board shows the queues to be read, and nothing else.`,
        answers: { 200: json('Where the board is, and until when the cookie counts.', boardSessionView, 'Set-Cookie') },
      },
      async ({ request, response, caller }) => {
        const secret = randomBytes(32).toString('base64url')
        const expiresAt = new Date(Math.min(Date.now() + lastsMs, caller.expiresAt?.getTime() ?? Infinity))
        await insertBoardSession(sql, { tokenSha256: sha256(secret), accountId: caller.account, expiresAt })
        response.cookie(cookieName, secret, {
          httpOnly: true,
          sameSite: 'strict',
          secure: request.secure,
          path: boardPath,
          expires: expiresAt,
        })
        response.set('Cache-Control', 'no-store').json({ path: `${boardPath}/`, expiresAt: expiresAt.toISOString() })
      },
    ),
  ]
}

/** Whether a request comes from a browser that the board was opened to. */
export async function isBoardOpenTo(query: Query, request: Request): Promise<boolean> {
  const secret = new RegExp(`(?:^|; *)${cookieName}=([\\w-]{43})(?:;|$)`).exec(request.headers.cookie ?? '')?.[1]
  return secret !== undefined && (await hasBoardSession(query, sha256(secret)))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
