import type { Client, TaskFilter, TaskStatus, TaskView } from '../client/node.ts'
import { type Command, type Context, type Given, textOf } from './command.ts'
import { exitCodes, Interrupted, UsageError } from './exit.ts'
import { formatMoment, formatTable, shown } from './format.ts'
import { countOf, requireWords } from './parse.ts'

const statuses = ['Pending', 'InProgress', 'Paused', 'Completed', 'Failed', 'Cancelled', 'Expired'] as const
const controls = ['pause', 'resume', 'cancel', 'retry'] as const
const verbs = ['ls', 'show', 'watch', ...controls]

export const tasks: Command = {
  name: 'tasks',
  summary: 'List, show, watch and control tasks.',
  usage: 'ls | show ID | watch ID | pause ID… | resume ID… | cancel ID… | retry ID…',
  details: '"watch" prints every event and ends with the task; its exit code says whether that was completed.',
  flags: {
    status: {
      type: 'string',
      value: 'STATUS',
      choices: statuses,
      help: `For ls: those that are ${statuses.join(', ')}.`,
    },
    type: { type: 'string', value: 'TYPE', help: 'For ls: those of this type.' },
    limit: { type: 'string', value: 'N', help: 'For ls: so many at most (50).' },
  },
  examples: [
    'longshore tasks ls --status Failed',
    'longshore tasks watch 9b2d6a1c-3f5e-4d80-8b7a-1c2d3e4f5a6b',
    'longshore tasks retry 9b2d6a1c-3f5e-4d80-8b7a-1c2d3e4f5a6b',
  ],
  words: verbs,
  run: async (context, given) => {
    const [verb, ...ids] = given.positionals
    if (verb === undefined || !verbs.includes(verb)) throw new UsageError(`what to do is one of ${verbs.join(', ')}`)
    const client = await context.client()
    if (verb === 'ls') return list(context, client, given)
    requireWords(given, { least: 2, ...(verb === 'show' || verb === 'watch' ? { most: 2 } : {}) }, 'the id of a task')
    const [id = ''] = ids
    if (verb === 'show') return show(context, await client.tasks.get(id))
    if (verb === 'watch') return watch(context, client, id)
    const control = controls.find((one) => one === verb) ?? 'cancel'
    const changed: TaskView[] = []
    for (const one of ids) changed.push(await client.tasks[control](one))
    if (context.json) context.terminal.print(JSON.stringify(changed))
    else for (const task of changed) context.terminal.print(`${task.taskId}  ${task.status}`)
    return undefined
  },
}

async function list({ terminal, json }: Context, client: Client, given: Given): Promise<undefined> {
  requireWords(given, { most: 1 }, '')
  const wanted = textOf(given, 'status')
  const status: TaskStatus | undefined = statuses.find((one) => one.toLowerCase() === wanted?.toLowerCase())
  if (wanted !== undefined && status === undefined)
    throw new UsageError(`--status must be one of ${statuses.join(', ')}`)
  const type = textOf(given, 'type')
  const most = countOf(textOf(given, 'limit'), 'limit') ?? 50
  const filter: TaskFilter = { sortBy: 'lastActivity', sortDescending: true, limit: Math.min(most, 200), status, type }
  const found: TaskView[] = []
  for await (const task of client.tasks.each(filter)) {
    if (found.push(task) >= most) break
  }
  if (json) terminal.print(JSON.stringify(found))
  else {
    const rows = found.map((task) => [
      task.taskId,
      task.type,
      task.status,
      `${Math.floor(task.progress)} %`,
      formatMoment(task.lastActivity),
      task.name,
    ])
    for (const line of formatTable(['ID', 'TYPE', 'STATUS', 'DONE', 'LAST', 'NAME'], rows)) terminal.print(line)
  }
  return undefined
}

function show({ terminal, json }: Context, task: TaskView): undefined {
  if (json) terminal.print(JSON.stringify(task))
  else {
    for (const [name, value] of Object.entries(task)) {
      if (value !== null) terminal.print(`${name}: ${typeof value === 'string' ? shown(value) : JSON.stringify(value)}`)
    }
  }
  return undefined
}

async function watch({ terminal, json, signal }: Context, client: Client, taskId: string): Promise<number> {
  let last = ''
  try {
    for await (const { type, seq, data } of client.tasks.watch(taskId, { signal })) {
      if (seq !== undefined) last = type
      if (json) terminal.print(JSON.stringify({ type, seq, data }))
      else if (type === 'task.progress') {
        terminal.print(
          `${type}  ${Math.floor(data.progress)} %${data.statusMessage === null ? '' : `  ${shown(data.statusMessage)}`}`,
        )
      } else if (type === 'upload.progress') terminal.print(`${type}  ${Math.floor(data.progress)} %`)
      else terminal.print('errorMessage' in data ? `${type}  ${shown(String(data.errorMessage))}` : type)
    }
  } catch (error) {
    if (error instanceof Interrupted) return exitCodes.interrupted
    throw error
  }
  return last.endsWith('.completed') ? exitCodes.done : exitCodes.failed
}
