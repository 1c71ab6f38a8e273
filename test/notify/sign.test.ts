import { describe, expect, it } from 'vitest'
import { backOffMs } from '../../src/notify/back-off.ts'
import { newSecret, signatureHeaders } from '../../src/notify/sign.ts'

describe('a signed message', () => {
  // The example of the Standard Webhooks libraries.
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestampSeconds: 1614265330, body: '{"test": 2432232314}' }
  const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='

  it('has the signature that the specification’s own example has', () => {
    expect(signatureHeaders(message, [secret])).toEqual({
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': signature,
    })
  })

  it('has one for each secret while there are two', () => {
    const both = signatureHeaders(message, [newSecret(), secret])['webhook-signature']
    expect(both).toMatch(/^v1,[A-Za-z0-9+/]{43}= v1,/)
    expect(both?.split(' ')[1]).toBe(signature)
  })

  it('is signed by secrets of 256 bits, none like another', () => {
    const secrets = [newSecret(), newSecret()]
    expect(new Set(secrets).size).toBe(2)
    for (const one of secrets) expect(Buffer.from(one.replace('whsec_', ''), 'base64')).toHaveLength(32)
  })
})

describe('the time until the next attempt', () => {
  const least = () => 1
  const most = () => 0

  it('grows from 5 s to 2 h, less up to a third', () => {
    expect([1, 2, 3, 4, 5].map((attempts) => backOffMs(attempts, undefined, 0, most) / 1000)).toEqual([
      5, 15, 45, 135, 405,
    ])
    expect(backOffMs(3, undefined, 0, least)).toBe(30_000)
    expect(backOffMs(1000, undefined, 0, most)).toBe(7_200_000)
    expect(backOffMs(1000, undefined, 0, least)).toBe(4_800_000)
  })

  it('is as long as the receiver asks for, within reason', () => {
    const at = Date.parse('2030-01-01T00:00:00Z')
    expect(backOffMs(1, '60', at)).toBe(60_000)
    expect(backOffMs(1, 'Tue, 01 Jan 2030 00:02:00 GMT', at)).toBe(120_000)
    expect(backOffMs(1, '999999999', at)).toBe(6 * 3_600_000)
    expect(backOffMs(1, '0', at, most)).toBe(5000)
    expect(backOffMs(1, 'soon', at, most)).toBe(5000)
  })
})
