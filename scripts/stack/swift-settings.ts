export type SwiftPlan = {
  folder: string
  /** Of each server. */
  ports: Record<'proxy' | 'account' | 'container' | 'object' | 'memcached', number>
  account: { accessKeyId: string; secretAccessKey: string }
  /** Whom the servers run as. */
  userName: string
}

/** Loads a Swift program that reads its configuration from a folder, where it would read it from /etc: folder, program, arguments. */
export const swiftLauncher = `
import runpy, sys
from swift.common import utils
utils.set_swift_dir(sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name='__main__')
`

/** Makes the rings of a node with one disk: folder, and the ports of its account, container and object server. */
export const ringMaker = `
import os, sys
from swift.common.ring import RingBuilder
folder, *ports = sys.argv[1:]
for kind, port in zip(('account', 'container', 'object'), ports):
    builder = RingBuilder(6, 1, 0)
    place = {'ip': '127.0.0.1', 'port': int(port), 'replication_ip': '127.0.0.1', 'replication_port': int(port)}
    builder.add_dev({'id': 0, 'region': 1, 'zone': 1, 'weight': 1, 'device': 'disk', 'meta': '', **place})
    builder.rebalance()
    builder.get_ring().save(os.path.join(folder, kind + '.ring.gz'))
`

/** What the proxy does to a request, in this order; those before S3 and those that store its multipart uploads. */
const pipeline =
  'catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk s3api tempauth copy slo dlo symlink proxy-logging proxy-server'

type Sections = Record<string, Record<string, string | number>>

/** The configuration of one node that speaks S3, on loopback, with one copy of everything; by file name. */
export function swiftSettings({ folder, ports, account, userName }: SwiftPlan): Record<string, string> {
  const common = { bind_ip: '127.0.0.1', workers: 0, user: userName, swift_dir: folder, log_level: 'WARNING' }
  const server = (kind: 'account' | 'container' | 'object'): string =>
    written({
      DEFAULT: {
        ...common,
        bind_port: ports[kind],
        devices: `${folder}/disks`,
        mount_check: 'false',
        disable_fallocate: 'true',
      },
      'pipeline:main': { pipeline: `${kind}-server` },
      [`app:${kind}-server`]: { use: `egg:swift#${kind}` },
    })
  const plain = ['catch_errors', 'gatekeeper', 'healthcheck', 'listing_formats', 'bulk', 'copy', 'dlo', 'symlink']
  const [group = '', user = ''] = account.accessKeyId.split(':')
  const proxy: Sections = {
    DEFAULT: { ...common, bind_port: ports.proxy },
    'pipeline:main': { pipeline },
    'app:proxy-server': { use: 'egg:swift#proxy', account_autocreate: 'true', allow_account_management: 'true' },
    ...Object.fromEntries(plain.map((name) => [`filter:${name}`, { use: `egg:swift#${name}` }])),
    'filter:proxy-logging': { use: 'egg:swift#proxy_logging' },
    'filter:cache': { use: 'egg:swift#memcache', memcache_servers: `127.0.0.1:${ports.memcached}` },
    'filter:s3api': { use: 'egg:swift#s3api', location: 'us-east-1', max_upload_part_num: 10_000 },
    'filter:slo': { use: 'egg:swift#slo', max_manifest_segments: 10_000 },
    'filter:tempauth': { use: 'egg:swift#tempauth', [`user_${group}_${user}`]: `${account.secretAccessKey} .admin` },
  }
  return {
    'swift.conf': written({
      'swift-hash': { swift_hash_path_suffix: 'of a test' },
      'storage-policy:0': { name: 'one', default: 'yes' },
    }),
    'account-server.conf': server('account'),
    'container-server.conf': server('container'),
    'object-server.conf': server('object'),
    'proxy-server.conf': written(proxy),
  }
}

function written(sections: Sections): string {
  const lines = Object.entries(sections).flatMap(([name, values]) => [
    `[${name}]`,
    ...Object.entries(values).map(([key, value]) => `${key} = ${value}`),
  ])
  return [...lines, ''].join('\n')
}
