import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type {
  AppControllerRoute,
  AppViewRoute,
  BullBoardQueues,
  IServerAdapter,
  UIConfig,
} from '@bull-board/api/typings/app'
import { Queue } from 'bullmq'
import type { JobQueue } from './connection.ts'

export type BoardRoute = {
  /** As Express writes it, below where the board lies. */
  path: string
  answer: (asked: {
    params: Record<string, string>
    query: Record<string, unknown>
  }) => Promise<{ status: number; body: unknown }>
}

/** bull-board over our queues: to look at, for nothing that could change them is there. */
export type Board = {
  /** Where the page is, whatever it shows. */
  pagePaths: readonly string[]
  page: (basePath: string) => string
  routes: readonly BoardRoute[]
  /** What the page loads from `static/`. */
  staticFolder: string
}

/** How long the engine may take to answer before the board says that it is away. */
const withinMs = 5000

/**
 * Opens the board over these queues, whichever back end they are on. Only what reads is taken of bull-board's routes: to retry,
 * promote or remove a job would go behind the ledger's back, which knows what is to run and delivers it again by itself.
 */
export async function openBoard(queues: readonly JobQueue[]): Promise<Board> {
  const [{ createBullBoard }, { BullMQAdapter }] = await Promise.all([
    import('@bull-board/api'),
    import('@bull-board/api/bullMQAdapter'),
  ])
  const uiBasePath = dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json'))
  const parts = new Parts()
  const options = { readOnlyMode: true, allowRetries: false }
  createBullBoard({
    queues: queues.filter(isQueue).map((queue) => new BullMQAdapter(queue, options)),
    serverAdapter: parts,
    options: { uiBasePath, uiConfig: { boardTitle: 'Longshore queues', hideDocsLink: true } },
  })
  const template = await readFile(join(uiBasePath, 'dist', 'index.ejs'), 'utf8')
  return {
    pagePaths: [parts.entry?.route ?? []].flat(),
    page: (basePath) => fill(template, { ...parts.entry?.handler({ basePath, uiConfig: parts.uiConfig }).params }),
    routes: parts.routes(),
    staticFolder: join(uiBasePath, 'dist', 'static'),
  }
}

function isQueue(queue: JobQueue): queue is JobQueue & Queue {
  return queue instanceof Queue
}

/** Takes from bull-board what it would have a web framework serve. */
class Parts implements IServerAdapter {
  entry: AppViewRoute | undefined
  uiConfig: UIConfig = {}
  #queues: BullBoardQueues = new Map()
  #apiRoutes: AppControllerRoute[] = []
  #answerError: Parameters<IServerAdapter['setErrorHandler']>[0] | undefined

  setQueues(queues: BullBoardQueues): this {
    this.#queues = queues
    return this
  }

  setEntryRoute(route: AppViewRoute): this {
    this.entry = route
    return this
  }

  setApiRoutes(routes: AppControllerRoute[]): this {
    this.#apiRoutes = routes
    return this
  }

  setErrorHandler(handler: Parameters<IServerAdapter['setErrorHandler']>[0]): this {
    this.#answerError = handler
    return this
  }

  setUIConfig(config: UIConfig): this {
    this.uiConfig = config
    return this
  }

  setViewsPath(): this {
    return this
  }

  setStaticPath(): this {
    return this
  }

  routes(): BoardRoute[] {
    const reading = this.#apiRoutes.filter(({ method }) => method === 'get')
    return reading.flatMap((one) =>
      [one.route].flat().map((path) => ({
        path,
        answer: async (asked) => {
          try {
            const request = { queues: this.#queues, uiConfig: this.uiConfig, body: {}, headers: {}, ...asked }
            const { status = 200, body } = await withinTime(one.handler(request))
            return { status, body }
          } catch (error) {
            const { status = 500, body } =
              this.#answerError?.(error instanceof Error ? error : new Error('unknown')) ?? {}
            return { status, body }
          }
        },
      })),
    )
  }
}

/** A command to a Redis that is away waits for it to come back. */
function withinTime<Answer>(asked: Answer | Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(Object.assign(new Error('The queue does not answer.'), { statusCode: 503 }))
    const timer = setTimeout(late, withinMs)
    void Promise.resolve(asked)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

/** Fills the page's template in, without the fonts that it would load from elsewhere. */
function fill(template: string, values: Record<string, string>): string {
  return template
    .replaceAll(/<link\b[^>]*\bhref="https?:[^>]*>/g, '')
    .replaceAll(/<%([=-]) (\w+) %>/g, (_all, how: string, name: string) => {
      const value = values[name] ?? ''
      return how === '=' ? escapeHtml(value) : value
    })
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
