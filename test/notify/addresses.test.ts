import { describe, expect, it } from 'vitest'
import { isPublicAddress } from '../../src/notify/addresses.ts'
import { flawOf } from '../../src/notify/destination.ts'

const none = new Set<string>()

describe('addresses that a request may be sent to', () => {
  it.each([
    ['this host', '0.0.0.0'],
    ['private', '10.1.2.3'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['shared, of carriers', '100.64.0.1'],
    ['metadata of Alibaba', '100.100.100.200'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['metadata of AWS, Google and others', '169.254.169.254'],
    ['metadata of Oracle', '192.0.0.192'],
    ['of Azure itself', '168.63.129.16'],
    ['benchmarks', '198.19.0.1'],
    ['documentation', '192.0.2.1'],
    ['documentation', '198.51.100.1'],
    ['documentation', '203.0.113.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '::'],
    ['loopback', '::1'],
    ['mapped loopback', '::ffff:127.0.0.1'],
    ['mapped loopback', '::ffff:7f00:1'],
    ['mapped loopback, at length', '0:0:0:0:0:ffff:7f00:0001'],
    ['mapped metadata', '::ffff:a9fe:a9fe'],
    ['compatible loopback', '::127.0.0.1'],
    ['translated loopback', '64:ff9b::7f00:1'],
    ['translated, of a network’s own', '64:ff9b:1::1'],
    ['link-local', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['site-local', 'fec0::1'],
    ['unique-local', 'fc00::1'],
    ['metadata of AWS', 'fd00:ec2::254'],
    ['multicast', 'ff02::1'],
    ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
    ['documentation', '2001:db8::1'],
    ['documentation', '3fff::1'],
    ['6to4 of loopback', '2002:7f00:1::1'],
    ['discard', '100::1'],
    ['no address', 'example.com'],
  ])('%s: %s is refused', (_what, address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  it.each(['1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '100.128.0.1', '11.0.0.1', '223.255.255.255'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true)
      expect(isPublicAddress(`::ffff:${address}`)).toBe(true)
      expect(isPublicAddress(`64:ff9b::${address}`)).toBe(true)
    },
  )

  it.each(['2606:4700:4700::1111', '2a00:1450:4001:81b::200e', '2001:200::1'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })
})

describe('URLs that a request may be sent to', () => {
  it.each([
    ['ftp://example.com/', 'must begin with http:// or https://'],
    ['file:///etc/passwd', 'must begin with http:// or https://'],
    ['javascript:alert(1)', 'must begin with http:// or https://'],
    ['/relative', 'is not a URL'],
    ['https://user@example.com/', 'must not contain a user or password'],
    ['https://:password@example.com/', 'must not contain a user or password'],
    ['http://127.0.0.1/', 'leads to an address that is not public'],
    ['http://2130706433/', 'leads to an address that is not public'],
    ['http://0x7f.1/', 'leads to an address that is not public'],
    ['http://017700000001/', 'leads to an address that is not public'],
    ['http://[::1]/', 'leads to an address that is not public'],
    ['http://[::ffff:10.0.0.1]/', 'leads to an address that is not public'],
    ['http://169.254.169.254/latest/meta-data/', 'leads to an address that is not public'],
    ['http://localhost/', 'leads to an address that is not public'],
    ['http://LOCALHOST./', 'leads to an address that is not public'],
    ['http://a.localhost/', 'leads to an address that is not public'],
  ])('%s %s', (url, flaw) => {
    expect(flawOf(url, none)).toBe(flaw)
  })

  it('may have any public address, name, port and path', () => {
    for (const url of ['https://example.com/hooks?a=b', 'http://8.8.8.8:8080/', 'https://[2606:4700::1111]/']) {
      expect(flawOf(url, none)).toBeUndefined()
    }
  })

  it('are free where a setting names their host, alone or with the port', () => {
    expect(flawOf('http://127.0.0.1:99/', new Set(['127.0.0.1']))).toBeUndefined()
    expect(flawOf('http://[::1]:99/', new Set(['::1:99']))).toBeUndefined()
    expect(flawOf('https://localhost/', new Set(['localhost:443']))).toBeUndefined()
    expect(flawOf('http://localhost/', new Set(['localhost:443']))).toBeDefined()
    expect(flawOf('http://127.0.0.1:99/', new Set(['127.0.0.1:98']))).toBeDefined()
    expect(flawOf('http://user@127.0.0.1:99/', new Set(['127.0.0.1']))).toBeDefined()
  })
})
