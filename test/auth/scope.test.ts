import { describe, expect, it } from 'vitest'
import { parseScopes, requireScope, scopeOf } from '../../src/auth/scope.ts'

describe('the scope of a token', () => {
  it('narrows nothing when it names nothing of ours', () => {
    for (const claim of [undefined, '', 'openid profile', 7, ['longshore:files:read']]) {
      expect(parseScopes(claim)).toBeUndefined()
    }
  })

  it('narrows to what it names, and to nothing else when that is misspelled', () => {
    expect(parseScopes('openid longshore:files:read longshore:tasks:write')).toEqual(
      new Set(['files:read', 'tasks:write']),
    )
    expect(parseScopes('longshore:file:read')).toEqual(new Set())
  })

  it('is to read for GET and HEAD, and to write for everything else', () => {
    const reads = ['GET', 'HEAD'].map((method) => scopeOf('files', method))
    expect(reads).toEqual(['files:read', 'files:read'])
    expect(['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => scopeOf('tasks', method))).toEqual(
      Array.from({ length: 4 }, () => 'tasks:write'),
    )
    expect(() => requireScope({ scopes: new Set(['files:read']) }, 'files:write')).toThrow(
      expect.objectContaining({ code: 'FORBIDDEN', details: { requiredScope: 'longshore:files:write' } }),
    )
    expect(() => requireScope({ scopes: undefined }, 'admin:write')).not.toThrow()
  })
})
