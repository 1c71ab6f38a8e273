import { errorView } from '../../src/contract/error.ts'
import { errorStatus } from '../../src/errors.ts'
import { codesOf, commonCodes } from '../../src/http/error-codes.ts'
import type { Outcome } from '../../src/http/route.ts'
import { type KnownRoute, knownRoutes } from './routes.ts'

type Seen = { method: string; path: string; status: number; headers: Headers; text: string }

const faults: string[] = []
const common = new Set<string>(commonCodes)
/** What is answered where no route is. */
const nowhere = new Set<string>(['ROUTE_NOT_FOUND', 'METHOD_NOT_ALLOWED', ...commonCodes])

/**
 * From now on every answer of the API to `fetch` is held against what its route declares, which is what the OpenAPI document
 * says: its status, its code, its header fields, and every field of its body. What does not agree fails the request, and the
 * file it was made in, should the test not notice.
 */
export function holdAnswersToTheirRoutes(): void {
  const { fetch } = globalThis
  if ('isHeld' in fetch) return
  const held: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    const fault = await faultOf(new Request(input, { ...init, body: null, signal: null }), response)
    if (fault === undefined) return response
    faults.push(fault)
    throw new Error(fault)
  }
  globalThis.fetch = Object.assign(held, { isHeld: true })
}

/** Fails when an answer was not what its route declares, and the test went on in spite of it. */
export function requireNoFaults(): void {
  const found = faults.splice(0)
  if (found.length > 0) throw new Error(`answers are not as documented:\n${[...new Set(found)].join('\n')}`)
}

async function faultOf({ method, url }: Request, response: Response): Promise<string | undefined> {
  const { hostname, pathname } = new URL(url)
  // Only we name every answer.
  if (hostname !== '127.0.0.1' && hostname !== 'localhost') return undefined
  if (!response.headers.has('X-Request-Id') || !/^\/(api|drive|health|openapi|docs)\b/i.test(pathname)) return undefined
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  const text = isJson && method !== 'HEAD' ? await response.clone().text() : ''
  const { status, headers } = response
  const problem = problemOf({ method, path: pathname, status, headers, text })
  return problem && `${method} ${pathname} answered ${status}: ${problem}\n  ${text.slice(0, 2000)}`
}

/** What about an answer is not as its route declares it. */
function problemOf(seen: Seen): string | undefined {
  if (seen.method === 'OPTIONS') return undefined
  const asked = seen.method === 'HEAD' ? 'GET' : seen.method
  const route = knownRoutes.find(({ declaration, pattern }) => declaration.method === asked && pattern.test(seen.path))
  if (seen.status < 400 || (route?.declaration.answers[seen.status] && seen.status !== 404)) {
    const outcome = route?.declaration.answers[seen.status]
    return outcome ? outcomeProblem(outcome, seen) : 'the document does not know that status there'
  }
  return seen.method === 'HEAD' ? undefined : refusalProblem(route, seen)
}

function outcomeProblem({ body, types = [], headers = [] }: Outcome, seen: Seen): string | undefined {
  const missing = headers.find((name) => !seen.headers.has(name))
  if (missing !== undefined) return `it has no ${missing}`
  if (seen.text === '') return body && types.length === 0 && seen.method !== 'HEAD' ? 'it has no JSON body' : undefined
  if (!body) return types.includes('*/*') ? undefined : 'it has a JSON body, and should have none'
  const { error } = body.safeParse(JSON.parse(seen.text))
  return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
}

function refusalProblem(route: KnownRoute | undefined, { status, text }: Seen): string | undefined {
  if (text === '') return 'a refusal without JSON'
  const { data, error } = errorView.safeParse(JSON.parse(text))
  if (!data) return `a refusal of another shape: ${error.message}`
  const codes = route ? codesOf(route.group, route.declaration) : nowhere
  if (![...codes, ...common].includes(data.code)) return `${data.code} is not among the codes that it declares`
  const expected = new Map<string, number>(Object.entries(errorStatus)).get(data.code)
  return expected === status && data.status === status ? undefined : `${data.code} goes with ${expected}`
}
