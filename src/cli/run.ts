import type { Client, NewTask, TaskType } from '../client/node.ts'
import { type Command, type Flags, type Given, textOf, textsOf } from './command.ts'
import { UsageError } from './exit.ts'
import { followTask } from './follow.ts'
import { formatTable } from './format.ts'
import { momentOf } from './parse.ts'
import { flagsOf, parametersIn } from './schema-flags.ts'

const ownFlags: Flags = {
  'task-name': { type: 'string', value: 'TEXT', help: 'What the task shall be called.' },
  priority: { type: 'string', value: 'N', help: 'How urgent it is, 0 to 100 (50).' },
  after: { type: 'string', value: 'ID', multiple: true, help: 'A task that must be completed first.' },
  deadline: { type: 'string', value: 'WHEN', help: 'When it expires: a date, or 90m, 12h, 30d from now.' },
  parameters: { type: 'string', value: 'JSON', help: 'Parameters as JSON, below those of the flags.' },
  detach: { type: 'boolean', short: 'd', help: 'Do not wait for its end; print its id.' },
}

export const run: Command = {
  name: 'run',
  summary: 'Create a task, and wait for its end.',
  usage: '[TYPE [FILE-ID…]]',
  details:
    'Without a type it lists those there are. The flags of a type are made from what the server says of its parameters: "longshore run TYPE --help" shows them. A text "@FILE" is what a file says, which is how passwords should be given.',
  flags: ownFlags,
  examples: [
    'longshore run',
    'longshore run FileCompress --help',
    'longshore run FileCompress 550e8400-e29b-41d4-a716-446655440000 --compression-format tar.gz',
    'longshore run FileEncrypt 550e8400-e29b-41d4-a716-446655440000 --password @secret.txt --json',
  ],
  moreFlags: async (context, [type]) => {
    if (type === undefined) return {}
    const parameters = flagsOf(await typeCalled(await context.client(), type))
    // A type's own words go by their path where ours have the name.
    return Object.fromEntries(Object.entries(parameters).filter(([name]) => !(name in ownFlags)))
  },
  run: async (context, given) => {
    const client = await context.client()
    const [name] = given.positionals
    if (name === undefined) {
      const types = await client.tasks.types()
      if (context.json) context.terminal.print(JSON.stringify(types))
      else
        for (const line of formatTable(
          ['TYPE', 'WHAT IT DOES'],
          types.map((one) => [one.type, one.title]),
        ))
          context.terminal.print(line)
      return undefined
    }
    const task = await client.tasks.create(await taskOf(await typeCalled(client, name), given))
    if (given.flags['detach'] !== true) return followTask(context, client, task.taskId)
    context.terminal.print(context.json ? JSON.stringify(task) : task.taskId)
    return undefined
  },
}

async function typeCalled(client: Client, name: string): Promise<TaskType> {
  const types = await client.tasks.types()
  const type = types.find((one) => one.type.toLowerCase() === name.toLowerCase())
  if (type !== undefined) return type
  throw new UsageError(`there is no type "${name}"; there are ${types.map((one) => one.type).join(', ')}`)
}

async function taskOf(type: TaskType, given: Given): Promise<NewTask> {
  const priority = textOf(given, 'priority')
  if (priority !== undefined && !/^\d{1,3}$/.test(priority)) throw new UsageError('--priority must be 0 to 100')
  return {
    type: type.type,
    name: textOf(given, 'task-name'),
    parameters: { ...objectIn(textOf(given, 'parameters')), ...(await parametersIn(type, given)) },
    ...(priority === undefined ? {} : { priority: Number(priority) }),
    after: textsOf(given, 'after'),
    expiredAt: momentOf(textOf(given, 'deadline'), 'deadline') ?? null,
  }
}

function objectIn(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {}
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    // Said below.
  }
  throw new UsageError('--parameters must be an object in JSON')
}
