import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type AgeKey = { identity: string; recipient: string }

/** Runs the `age` command; answers what it wrote, up to 16 MiB. Fails with what it complained about. */
export async function age(...args: string[]): Promise<Buffer> {
  const { stdout } = await run('age', args, { encoding: 'buffer', maxBuffer: 16 * 1024 * 1024 })
  return stdout
}

/** A new X25519 key of `age-keygen`. */
export async function newAgeKey(): Promise<AgeKey> {
  const { stdout, stderr } = await run('age-keygen', [])
  const identity = /^AGE-SECRET-KEY-1\w+$/m.exec(stdout)?.[0] ?? ''
  const recipient = /age1\w+/.exec(`${stdout}${stderr}`)?.[0] ?? ''
  return { identity, recipient }
}

/** Runs `age` on a terminal, which alone it reads passwords from, and types one at each of its prompts. */
export async function ageWithPassword(password: string, ...args: string[]): Promise<void> {
  const command = ['age', ...args].map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  let output = ''
  let typed = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    const prompts = output.match(/passphrase[^:\n]*:/gi)?.length ?? 0
    for (; typed < prompts; typed++) child.stdin.write(`${password}\n`)
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`age ended with ${code}:\n${output}`)
}
