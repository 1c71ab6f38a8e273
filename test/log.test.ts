import { describe, expect, it } from 'vitest'
import { openLog, parseLogLevels } from '../src/log.ts'

function record(levels: string): { lines: Record<string, unknown>[]; log: ReturnType<typeof openLog> } {
  const lines: Record<string, unknown>[] = []
  const parsed = parseLogLevels(levels)
  if (!parsed) throw new Error(`${levels} was not understood`)
  return { lines, log: openLog('test', parsed, { write: (line) => void lines.push(JSON.parse(line)) }) }
}

describe('LOG_LEVEL', () => {
  it.each([
    ['info', { base: 'info', scopes: {} }],
    ['DEBUG', { base: 'debug', scopes: {} }],
    ['silent', { base: 'silent', scopes: {} }],
    ['Information', { base: 'info', scopes: {} }],
    ['Critical', { base: 'fatal', scopes: {} }],
    ['none', { base: 'silent', scopes: {} }],
    ['uploads:debug', { base: 'info', scopes: { uploads: 'debug' } }],
    ['warn, uploads:debug ,http:trace', { base: 'warn', scopes: { uploads: 'debug', http: 'trace' } }],
    ['Some.Product.Storage:Debug', { base: 'info', scopes: { storage: 'debug' } }],
  ])('%j is understood', (text, levels) => {
    expect(parseLogLevels(text)).toEqual(levels)
  })

  it.each(['', 'loud', 'info,', 'uploads:loud', ':debug', 'a b:debug', '__proto__:debug'])('%j is not', (text) => {
    expect(parseLogLevels(text)).toBeUndefined()
  })
})

describe('the log', () => {
  it('is one JSON object a line, with level, time and process', () => {
    const { lines, log } = record('info')
    log.root.info({ taskId: 't' }, 'hello\nthere')
    expect(lines).toEqual([
      expect.objectContaining({ level: 'info', process: 'test', msg: 'hello\nthere', taskId: 't' }),
    ])
    expect(String(lines[0]?.['time'])).toMatch(/^\d{4}-\d\d-\d\dT/)
  })

  it('has a level of its own for each scope', () => {
    const { lines, log } = record('warn,uploads:debug')
    log.root.info('no')
    log.scope('http').info('no')
    log.scope('http').warn('yes')
    log.scope('uploads').debug('yes')
    log.scope('uploads').trace('no')
    expect(lines.map((line) => `${line['scope']} ${line['msg']}`)).toEqual(['http yes', 'uploads yes'])
  })

  it('cuts out secrets', () => {
    const { lines, log } = record('info')
    const secrets = { token: 'hunter2', password: 'hunter2', encryptPassword: 'hunter2', authorization: 'hunter2' }
    log.root.info({ ...secrets, body: secrets, request: { headers: secrets } }, 'request')
    expect(JSON.stringify(lines)).not.toContain('hunter2')
  })

  it('cuts out what a Redis command was given, which may be a password', () => {
    const { lines, log } = record('info')
    const refused = Object.assign(new Error('WRONGPASS'), { command: { name: 'auth', args: ['hunter2'] } })
    log.root.warn({ err: refused }, 'refused')
    log.root.warn({ err: Object.assign(new Error('no node answers'), { lastNodeError: refused }) }, 'refused')
    expect(JSON.stringify(lines)).not.toContain('hunter2')
    expect(lines[0]).toMatchObject({ err: { message: 'WRONGPASS', command: { name: 'auth' } } })
  })

  it('tells an error with its cause', () => {
    const { lines, log } = record('info')
    log.root.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed')
    expect(lines[0]?.['err']).toMatchObject({ message: 'outer', cause: { message: 'inner' } })
  })
})
