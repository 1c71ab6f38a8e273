import { createServer } from 'node:http'
import { type OwnCeph, startCephGateway } from '../../scripts/stack/ceph-gateway.ts'
import type { ObjectStore } from '../../scripts/stack/object-store.ts'
import { freePort } from '../../src/launch/postgres-server.ts'

/** What test files may use: an S3 service and, if it is not for us to make buckets there, the bucket to use. */
export type OfferedStore = ObjectStore & { bucket?: string }

export type S3Offer = {
  /** Answers a GET with an OfferedStore in JSON. Undefined when there is none to offer. */
  url: string | undefined
  close: () => Promise<void>
}

/**
 * Offers the run's S3 store: the one that `S3_TEST_ENDPOINT` names, or a Ceph of the run's own where it is installed, which is
 * started when the first test file asks for it, so that a run without one pays nothing.
 */
export async function offerS3Store(env: Record<string, string | undefined>, hasCeph: boolean): Promise<S3Offer> {
  const named = namedStore(env)
  if (named === undefined && !hasCeph) return { url: undefined, close: async () => {} }
  let ceph: Promise<OwnCeph> | undefined
  const find = async (): Promise<OfferedStore> => named ?? (await (ceph ??= startCephGateway()))
  const server = createServer((_request, response) => {
    find().then(
      (store) => response.end(JSON.stringify(store)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await ceph?.then(
        (one) => one.stop(),
        () => {},
      )
    },
  }
}

function namedStore(env: Record<string, string | undefined>): OfferedStore | undefined {
  const endpoint = env['S3_TEST_ENDPOINT']
  if (!endpoint) return undefined
  const bucket = env['S3_TEST_BUCKET']
  return {
    name: endpoint,
    endpoint,
    region: env['S3_TEST_REGION'] || 'us-east-1',
    accessKeyId: env['S3_TEST_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: env['S3_TEST_SECRET_ACCESS_KEY'] ?? '',
    forcePathStyle: env['S3_TEST_FORCE_PATH_STYLE'] !== 'false',
    ...(bucket ? { bucket } : {}),
  }
}
