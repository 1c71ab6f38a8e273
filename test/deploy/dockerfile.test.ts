import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { parseProcfile } from '../../src/launch/procfile.ts'
import { packageRoot } from '../../src/package-root.ts'
import { allSettings } from '../support/settings.ts'
import { openStage } from '../support/stage.ts'

const read = (path: string): Promise<string> => readFile(join(packageRoot(), path), 'utf8')
const words = z.array(z.string())

/** The instructions in their order, each on one line. */
async function instructions(): Promise<{ name: string; rest: string }[]> {
  const lines = (await read('deploy/Dockerfile')).replaceAll('\\\n', ' ').split('\n')
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', ...rest] = line.split(/\s+/)
      return { name, rest: rest.join(' ') }
    })
}

describe('the Dockerfile', () => {
  it('builds in one stage, and runs in another what comes of it, as nobody in particular', async () => {
    const all = await instructions()
    const stages = all.flatMap(({ name, rest }, at) => (name === 'FROM' ? [{ at, image: rest.split(' ')[0] }] : []))
    expect(stages.map(({ image }) => image)).toEqual(['node:22-bookworm-slim', 'node:22-bookworm-slim'])
    const last = all.slice(stages.at(-1)?.at)
    const user = last.findIndex(({ name }) => name === 'USER')
    expect(Number(last[user]?.rest)).toBeGreaterThan(0)
    expect(last.find(({ name, rest }) => name === 'RUN' && rest.includes('useradd'))?.rest).toContain(
      `--uid ${last[user]?.rest} `,
    )
    // All that it copies is of the first stage, and belongs to somebody else than who runs it.
    const copies = last.filter(({ name }) => name === 'COPY').map(({ rest }) => rest)
    expect(copies.map((rest) => /^--from=build --chown=root:root \/build\/(\S+) \.\/\1?$/.exec(rest)?.[1])).toEqual([
      'package.json',
      'node_modules',
      'dist',
      'drizzle',
    ])
    const ignored = (await read('.dockerignore')).trim().split('\n')
    expect(ignored).toEqual(expect.arrayContaining(['.git', '.longshore', 'dist', 'node_modules']))
    for (const path of ['package.json', 'package-lock.json', '.npmrc', 'drizzle']) {
      expect([path, existsSync(join(packageRoot(), path)), ignored.includes(path)]).toEqual([path, true, false])
    }
  })

  it('runs the API as the Procfile does, with settings that there are', async () => {
    const all = await instructions()
    const of = (wanted: string): string => all.findLast(({ name }) => name === wanted)?.rest ?? ''
    const [web] = parseProcfile(await read('Procfile'))
    expect(words.parse(JSON.parse(of('CMD')))).toEqual([web?.command, ...(web?.args ?? [])])
    expect(words.parse(JSON.parse(of('ENTRYPOINT')))).toEqual(['tini', '--'])
    const env = Object.fromEntries(
      of('ENV')
        .split(' ')
        .filter((one) => one !== '')
        .map((one) => [one.split('=')[0] ?? '', one.split('=')[1] ?? '']),
    )
    const { NODE_ENV, ...settings } = env
    expect(NODE_ENV).toBe('production')
    expect(settings).toMatchObject(web?.env ?? {})
    const others = Object.keys(settings).filter((name) => !(name in (web?.env ?? {})))
    expect(others.filter((name) => !(name in allSettings))).toEqual([])
    expect(of('EXPOSE')).toBe(env['PORT'])
    expect(of('VOLUME')).toBe(env['DATA_DIR'])
    const prepared = all.find(({ name, rest }) => name === 'RUN' && rest.includes('useradd'))?.rest
    expect(prepared).toContain(`install -d -o longshore -g longshore ${env['DATA_DIR']}`)
  })

  it('knows by its health check whether the API is there', async () => {
    const [, check = ''] =
      /CMD (\[.*)$/.exec((await instructions()).find(({ name }) => name === 'HEALTHCHECK')?.rest ?? '') ?? []
    const [node, ...args] = words.parse(JSON.parse(check))
    expect(node).toBe('node')
    const stage = await openStage({ workers: 0 })
    onTestFinished(() => stage.close())
    const { port } = new URL(stage.system.urls[0] ?? '')
    const asked = (): Promise<unknown> =>
      promisify(execFile)(process.execPath, args, { env: { ...process.env, PORT: port } })
    await expect(asked()).resolves.toBeDefined()
    await stage.system.stop()
    await expect(asked()).rejects.toMatchObject({ code: 1 })
  })
})
