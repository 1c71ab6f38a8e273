import type { IncomingMessage } from 'node:http'
import cors from 'cors'
import type { Express, Request, RequestHandler } from 'express'
import helmet from 'helmet'
import { AppError } from '../errors.ts'
import type { RequestLimits } from '../limits/requests.ts'

export type FrontDoorOptions = {
  /** Web pages that may use the API from a browser; `*`: every one. */
  corsOrigins: readonly string[]
  httpsOnly: boolean
  /** A number of proxies, or their addresses and networks, whose word about a request counts. */
  trustedProxies: number | readonly string[]
  requestLimits: Pick<RequestLimits, 'requireAddress'>
}

/** What a page of another origin may read of an answer, beside its body. */
const exposedHeaders = [
  'Accept-Ranges',
  'Content-Disposition',
  'Content-Range',
  'ETag',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
  'X-Total',
]
const preflightKeptSeconds = 600

/** What every request passes before anybody looks at what it wants. */
export function guardFrontDoor(app: Express, options: FrontDoorOptions): void {
  const { corsOrigins, httpsOnly, trustedProxies, requestLimits } = options
  app.set('trust proxy', typeof trustedProxies === 'number' ? trustedProxies : [...trustedProxies])
  app.use(securityHeaders(options))
  if (httpsOnly) app.use(requireHttps)
  if (corsOrigins.length > 0) {
    const origin = corsOrigins.includes('*') ? '*' : [...corsOrigins]
    app.use(cors({ origin, exposedHeaders, maxAge: preflightKeptSeconds }))
  }
  app.use((request, _response, next) => {
    requestLimits.requireAddress(request.ip ?? '')
    next()
  })
}

function securityHeaders({ corsOrigins, httpsOnly }: FrontDoorOptions): RequestHandler {
  return helmet({
    // Answers are data: nothing in them is to be run, loaded or framed.
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    crossOriginResourcePolicy: { policy: corsOrigins.length > 0 ? 'cross-origin' : 'same-origin' },
    // Who did not ask for HTTPS only may have other things on this host that are not served by it.
    strictTransportSecurity: httpsOnly,
  })
}

const requireHttps: RequestHandler = (request, _response, next) => {
  // Load balancers ask over plain HTTP whether we live, and no secret travels with that.
  if (request.secure || request.path.startsWith('/health/')) return next()
  throw httpsRequired()
}

type ConnectionRules = {
  httpsOnly: boolean
  requestLimits: Pick<RequestLimits, 'requireAddress' | 'useAddress'>
}

/** The same for connections that Express does not see. Who brings no good token counts against their address there too. */
export function guardConnections(app: Express, { httpsOnly, requestLimits }: ConnectionRules) {
  return {
    against: (incoming: IncomingMessage): AppError | undefined => {
      const request = asRequest(app, incoming)
      if (httpsOnly && !request.secure) return httpsRequired()
      try {
        requestLimits.requireAddress(request.ip ?? '')
        return undefined
      } catch (error) {
        if (error instanceof AppError) return error
        throw error
      }
    },
    stranger: (incoming: IncomingMessage): void => {
      // It is over with this one; those that come next are refused.
      requestLimits.useAddress(asRequest(app, incoming).ip ?? '').catch(() => {})
    },
  }
}

/** Has Express say where a request came from and how: a proxy's word counts where the proxy is trusted. */
function asRequest(app: Express, { socket, headers }: IncomingMessage): Pick<Request, 'ip' | 'secure'> {
  const seen: unknown = Object.create(app.request, { socket: { value: socket }, headers: { value: headers } })
  if (typeof seen !== 'object' || seen === null) return { ip: undefined, secure: false }
  return { ip: String(Reflect.get(seen, 'ip')), secure: Reflect.get(seen, 'secure') === true }
}

function httpsRequired(): AppError {
  return new AppError('HTTPS_REQUIRED', 'This server answers over HTTPS only.')
}
