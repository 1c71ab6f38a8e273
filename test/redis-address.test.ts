import { describe, expect, it } from 'vitest'
import { parseRedisAddress, placeOfRedis } from '../src/redis-address.ts'

const nobody = { username: undefined, password: undefined }

describe('the address of Redis', () => {
  it('is one server', () => {
    for (const url of [
      'redis://cache',
      'rediss://me:secret@cache:6380/1',
      'redis://[::1]:6379',
      'redis://:p%40ss@cache',
    ]) {
      expect(parseRedisAddress(url)).toEqual({ kind: 'single', url })
    }
  })

  it('is a cluster, by some of its nodes', () => {
    expect(parseRedisAddress('redis+cluster://a:7000,b,[::1]:7002')).toEqual({
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 7000 },
        { host: 'b', port: 6379 },
        { host: '::1', port: 7002 },
      ],
      tls: false,
      ...nobody,
    })
    expect(parseRedisAddress('rediss+cluster://me:p%40s%2Fs@cache.example:6380')).toMatchObject({
      nodes: [{ host: 'cache.example', port: 6380 }],
      tls: true,
      username: 'me',
      password: 'p@s/s',
    })
    expect(parseRedisAddress('redis+cluster://:a@b@cache')).toMatchObject({ username: undefined, password: 'a@b' })
  })

  it('is the master that Sentinels know', () => {
    expect(parseRedisAddress('redis+sentinel://a:26380,b/the%20master')).toEqual({
      kind: 'sentinel',
      nodes: [
        { host: 'a', port: 26_380 },
        { host: 'b', port: 26_379 },
      ],
      master: 'the master',
      database: 0,
      sentinelUsername: undefined,
      sentinelPassword: undefined,
      tls: false,
      ...nobody,
    })
    const url = 'rediss+sentinel://me:one@a/m/3?sentinelUsername=you&sentinelPassword=t%26wo'
    expect(parseRedisAddress(url)).toMatchObject({
      database: 3,
      tls: true,
      username: 'me',
      password: 'one',
      sentinelUsername: 'you',
      sentinelPassword: 't&wo',
    })
  })

  it.each([
    ['hunter2', 'must be one of redis://'],
    ['http://hunter2', 'must be one of redis://'],
    ['redis+single://hunter2', 'must be one of redis://'],
    ['redis+ring://hunter2', 'must be one of redis://'],
    ['redis://', 'must be a URL'],
    ['redis://me:hunter2@cache:port', 'must be a URL'],
    ['redis+cluster://', 'must name hosts'],
    ['redis+cluster://me:hunter2@a:1,', 'must name hosts'],
    ['redis+cluster://me:hunter2@a:70000', 'must name hosts'],
    ['redis+cluster://a:0', 'must name hosts'],
    ['redis+cluster://me:hunter2@a/1', 'must not name a database'],
    ['redis+cluster://a?password=hunter2', 'must not have options'],
    ['redis+cluster://me:hunter2%@a', 'must have special characters percent-encoded'],
    ['redis+sentinel://me:hunter2@a:26379', 'must name the master'],
    ['redis+sentinel://me:hunter2@a/', 'must name the master'],
    ['redis+sentinel://a/m/hunter2', 'must have nothing but a database number'],
    ['redis+sentinel://a/m/0/hunter2', 'must have nothing but a database number'],
    ['redis+sentinel://a/m?password=hunter2', 'must not have other options'],
  ])('is refused when it is wrong, and nothing of it is shown: %s', (url, message) => {
    expect(() => parseRedisAddress(url)).toThrow(message)
    expect(() => parseRedisAddress(url)).not.toThrow('hunter2')
  })

  it('is shown without its password', () => {
    const shown = (url: string) => placeOfRedis(parseRedisAddress(url))
    expect(shown('redis://me:hunter2@cache:6380/1')).toBe('cache:6380/1')
    expect(shown('redis+cluster://me:hunter2@a:1,[::1]:2')).toBe('a:1,[::1]:2')
    expect(shown('redis+sentinel://me:hunter2@a:1/m/2?sentinelPassword=hunter2')).toBe('a:1/m')
  })
})
