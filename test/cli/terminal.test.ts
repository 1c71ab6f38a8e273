import { execFileSync } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { commandPath } from '../support/longshore-command.ts'
import { type SdkUser, sdkUser } from '../support/sdk.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { openTerminal, type Terminal } from '../support/terminal.ts'

let user: SdkUser
let terminal: Terminal | undefined
const environment = (): Record<string, string> => ({
  PATH: `${join(user.folder, 'bin')}:${process.env['PATH'] ?? ''}`,
  HOME: user.folder,
  TERM: 'xterm',
  PS1: 'ready> ',
})
const at = (command: string): Terminal => {
  terminal = openTerminal(command, { cwd: user.folder, env: environment() })
  return terminal
}

beforeAll(async () => {
  user = await sdkUser()
  const path = join(user.folder, 'bin', 'longshore')
  await mkdir(join(user.folder, 'bin'))
  await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' '${commandPath}' "$@"\n`)
  await chmod(path, 0o755)
  await writeFile(join(user.folder, 'my photos.txt'), 'of the sea')
})
afterEach(async () => {
  await terminal?.close()
  terminal = undefined
})

const shells = [
  { shell: 'bash', start: 'bash --norc -i', space: ' ' },
  // It puts the space there when the next word begins.
  { shell: 'zsh', start: 'zsh -f -i', space: '' },
]

describe.for(shells)('the completion of $shell', ({ shell, start, space }) => {
  const has = hasCommand(shell)
  const begin = async (): Promise<Terminal> => {
    const opened = at(start)
    // The prompt is no part of what is typed, unlike here.
    opened.type("PS1='re''ady> '; echo begun\n")
    await opened.shows('begun\r\n')
    opened.type(`source <(longshore completion ${shell}); echo so''urced\n`)
    await opened.shows('sourced\r\n')
    await opened.shows('ready> ')
    return opened
  }

  it.skipIf(!has)('ends commands, their words and options, and the values of these', async () => {
    const opened = await begin()
    for (const [typed, completed] of [
      ['longshore comp', 'longshore completion'],
      ['longshore tasks can', 'longshore tasks cancel'],
      ['longshore upload --par', 'longshore upload --parallel'],
      ['longshore ls --sort cr', 'longshore ls --sort createdAt'],
    ] as const) {
      opened.type(`${typed}\t`)
      expect(await opened.shows(completed + space)).toContain(completed)
      // Away with the line, without running it.
      opened.type('\u0015\u000b')
      opened.type('\n')
      await opened.shows('ready> ')
    }
  })

  it.skipIf(!has)('shows what there is to choose from, and takes files where no word fits', async () => {
    const opened = await begin()
    opened.type('longshore tasks re\t\t')
    expect(await opened.shows(/resume\s+retry/)).toBeDefined()
    await opened.close()
    const another = await begin()
    another.type('longshore upload my\t')
    await another.shows('my\\ photos.txt')
  })
})

describe('login at a terminal', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage({ workers: 0 })
  })
  afterAll(() => stage.close())

  it('asks for the token and shows nothing of what is typed', async () => {
    const url = stage.system.urls[0] ?? ''
    const opened = at(`longshore login ${url}`)
    await opened.shows('Token')
    opened.type(`${user.token}\r`)
    await opened.shows('Signed in')
    expect(await opened.ended()).toBe(0)
    for (let index = 0; index < user.token.length - 8; index++) {
      expect(opened.shown()).not.toContain(user.token.slice(index, index + 8))
    }
    const kept = await readFile(join(user.folder, '.config/longshore/account.json'), 'utf8')
    expect(JSON.parse(kept)).toEqual({ url, token: user.token })
  })

  it('is broken off by Ctrl-C, and keeps nothing', async () => {
    const opened = at(`XDG_CONFIG_HOME=${join(user.folder, 'other')} longshore login ${stage.system.urls[0]}`)
    await opened.shows('Token')
    opened.type('half a tok\u0003')
    expect(await opened.ended()).toBe(130)
    expect(opened.shown()).not.toContain('half')
    await expect(readFile(join(user.folder, 'other/longshore/account.json'))).rejects.toThrow('ENOENT')
  })
})

function hasCommand(name: string): boolean {
  try {
    execFileSync('which', [name])
    return true
  } catch {
    return false
  }
}
