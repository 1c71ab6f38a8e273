import type { RequestHandler } from 'express'
import { joinContext, type Tracing } from '../tracing/tracing.ts'
import { requestIdOf } from './request-id.ts'
import type { Declaration } from './route.ts'

/**
 * Makes a request a span, part of the trace that it says it belongs to (`traceparent` and `tracestate`, W3C Trace Context), from the moment its route is known
 * to the end of its answer. A client that goes away before that is told with 499.
 */
export function traced({ id, method, path }: Declaration, tracing: Pick<Tracing, 'begin'>): RequestHandler {
  return (request, response, next) => {
    const route = `${request.baseUrl}${path}`.replace(/(?<=.)\/$/, '')
    const span = tracing.begin({
      name: `${method} ${route}`,
      kind: 'server',
      parent: joinContext(request.get('traceparent'), request.get('tracestate')) ?? null,
      attributes: {
        'http.request.method': method,
        'http.route': route,
        'url.path': request.baseUrl + request.path,
        'url.scheme': request.protocol,
        'longshore.operation': id,
        'longshore.request_id': requestIdOf(response),
      },
    })
    response.once('close', () => {
      const status = response.writableFinished ? response.statusCode : 499
      const error = status >= 500 ? new Error(`answered ${status}`) : undefined
      span.end({ attributes: { 'http.response.status_code': status }, error })
    })
    span.within(next)
  }
}
