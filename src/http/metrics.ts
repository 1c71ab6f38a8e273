import { AppError } from '../errors.ts'
import { mayReadMetrics, metricsType } from '../metrics/guard.ts'
import { openRoute, type Route } from './route.ts'

/** What is told of this process, and who may hear it: whoever brings this token. Undefined: nobody. */
export type MetricsDeps = { metrics: { token: string; read: () => Promise<string> } | undefined }

/** `/metrics`: for monitoring systems, which bring a token of their own. */
export function metricsRoutes({ metrics }: MetricsDeps): Route<undefined>[] {
  return [
    openRoute(
      {
        method: 'GET',
        path: '/metrics',
        id: 'getMetrics',
        summary: 'Read the figures of this process for Prometheus',
        description: 'With the token that `METRICS_TOKEN` names. Without that setting there is nothing to read.',
        answers: { 200: { is: 'The figures.', types: ['text/plain'] } },
        errors: ['UNAUTHENTICATED', 'ROUTE_NOT_FOUND'],
      },
      async ({ request, response }) => {
        if (!metrics) throw new AppError('ROUTE_NOT_FOUND', 'There is nothing here.')
        if (!mayReadMetrics(metrics.token, request.headers.authorization)) {
          throw new AppError('UNAUTHENTICATED', 'The token of METRICS_TOKEN is required, as a bearer token.')
        }
        response
          .set('Content-Type', metricsType)
          .set('Cache-Control', 'no-store')
          .send(await metrics.read())
      },
    ),
  ]
}
