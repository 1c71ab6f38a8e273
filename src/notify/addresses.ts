import { BlockList, isIP } from 'node:net'

/**
 * Where nothing that an account names may lead: everything that is not a public unicast address (the registries of special
 * addresses of IANA, RFC 6890), and what clouds answer their own machines on. Metadata services lie within link-local,
 * unique-local, shared and `192.0.0.0/24`, but for Azure's.
 */
const refusedV4 = blockList('ipv4', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
])
/** All that is public lies in here, */
const globalV6 = blockList('ipv6', ['2000::/3'])
/** but for this: protocol assignments with Teredo, documentation, 6to4, whose relays lead anywhere. */
const refusedV6 = blockList('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])

/** True for an address that a request on somebody's behalf may be sent to. False for what is no address. */
export function isPublicAddress(address: string): boolean {
  const [plain = ''] = address.split('%')
  switch (isIP(plain)) {
    case 4:
      return !refusedV4.check(plain, 'ipv4')
    case 6: {
      const within = addressWithin(plain)
      if (within !== undefined) return !refusedV4.check(within, 'ipv4')
      return globalV6.check(plain, 'ipv6') && !refusedV6.check(plain, 'ipv6')
    }
    default:
      return false
  }
}

function blockList(family: 'ipv4' | 'ipv6', networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    list.addSubnet(address, Number(prefix), family)
  }
  return list
}

/** The IPv4 address that an IPv6 one stands for: mapped (`::ffff:0:0/96`), or by way of NAT64 (`64:ff9b::/96`). */
function addressWithin(address: string): string | undefined {
  const groups = groupsOf(address)
  const head = groups.slice(0, 6).join(':')
  if (head !== '0:0:0:0:0:65535' && head !== '100:65435:0:0:0:0') return undefined
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join('.')
}

/** The eight numbers of an IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = [], tail] = address.split('::').map(partsOf)
  if (tail === undefined) return head
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail]
}

function partsOf(text: string): number[] {
  return text.split(':').flatMap((part) => {
    if (part === '') return []
    if (!part.includes('.')) return [Number.parseInt(part, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}
