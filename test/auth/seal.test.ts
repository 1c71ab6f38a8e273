import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createSealer, SealError } from '../../src/auth/seal.ts'

const [old, current] = [randomBytes(32), randomBytes(32)]

function sealer(...keys: Buffer[]) {
  const made = createSealer(keys)
  if (!made) throw new Error('no keys')
  return made
}

describe('a sealed secret', () => {
  it('opens for its task with the key that sealed it, also when that is not the newest any more', () => {
    const sealed = sealer(old).seal('task', 'pass wörd')
    expect(sealer(current, old).open('task', sealed)).toBe('pass wörd')
    expect(sealed.includes('pass')).toBe(false)
  })

  it('is never twice the same', () => {
    const { seal } = sealer(current)
    expect(seal('task', 'x').equals(seal('task', 'x'))).toBe(false)
  })

  it('does not open for another task', () => {
    const { seal, open } = sealer(current)
    expect(() => open('other', seal('task', 'x'))).toThrow(SealError)
  })

  it('names the key that is missing', () => {
    const sealed = sealer(old).seal('task', 'x')
    expect(() => sealer(current).open('task', sealed)).toThrow(/sealed with the key [0-9a-f]{8}, which SECRETS_KEYS/)
  })

  it('does not open when a byte of it was changed or is missing', () => {
    const { seal, open } = sealer(current)
    const sealed = seal('task', 'secret')
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => open('task', changed)).toThrow(SealError)
      expect(() => open('task', sealed.subarray(0, at))).toThrow(SealError)
    }
  })

  it('cannot be made without a key', () => {
    expect(createSealer([])).toBeUndefined()
  })
})
