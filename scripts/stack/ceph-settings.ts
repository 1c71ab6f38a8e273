import { join } from 'node:path'

export type CephPlan = {
  folder: string
  fsid: string
  monitorPort: number
  gatewayPort: number
  /** More than this the store does not take. */
  memoryBytes: number
  /** Settings that replace or join these, by their names in ceph.conf. */
  settings: Record<string, string | number>
}

/**
 * The ceph.conf of a cluster of one monitor, one disk in memory and one gateway, all on loopback. Other than in production:
 * one copy, no passwords between the daemons, the bytes of deleted objects freed after seconds and not hours, and a killed
 * gateway's watches forgotten after two seconds, so that the next one need not wait for them.
 */
export function cephSettings(plan: CephPlan): string {
  const { folder, fsid, monitorPort, gatewayPort, memoryBytes } = plan
  const all: Record<string, string | number> = {
    fsid,
    'mon host': `v2:127.0.0.1:${monitorPort}`,
    'public addr': '127.0.0.1',
    'cluster addr': '127.0.0.1',
    'ms bind ipv6': 'false',
    'ms bind msgr1': 'false',
    'auth cluster required': 'none',
    'auth service required': 'none',
    'auth client required': 'none',
    // Without a password there is no key to encrypt with.
    'ms mon client mode': 'crc',
    keyring: join(folder, 'keyring'),
    'run dir': folder,
    'admin socket': '',
    'crash dir': folder,
    'log file': join(folder, '$name.log'),
    'mon data': join(folder, 'mon'),
    'mon data avail warn': 1,
    'mon data avail crit': 1,
    'osd data': join(folder, 'osd'),
    'osd objectstore': 'memstore',
    'memstore device bytes': memoryBytes,
    'osd pool default size': 1,
    'osd pool default min size': 1,
    'mon allow pool size one': 'true',
    'osd pool default pg num': 1,
    'osd pool default pgp num': 1,
    'osd pool default pg autoscale mode': 'off',
    'mon max pg per osd': 2000,
    // A change of the maps is agreed on at once, for there is nobody to agree with.
    'paxos propose interval': 0.01,
    'paxos min wait': 0.01,
    'osd client watch timeout': 2,
    'rgw data': join(folder, 'rgw'),
    'rgw frontends': `beast endpoint=127.0.0.1:${gatewayPort}`,
    'rgw enable usage log': 'false',
    'rgw gc obj min wait': 5,
    'rgw gc processor period': 5,
    ...plan.settings,
  }
  return ['[global]', ...Object.entries(all).map(([name, value]) => `${name} = ${value}`), ''].join('\n')
}
