import { type Command, textOf } from './command.ts'
import { UsageError } from './exit.ts'
import { followTask } from './follow.ts'
import { formatBytes, formatTable } from './format.ts'
import { countOf, requireWords, sizeOf } from './parse.ts'

export const pools: Command = {
  name: 'pools',
  summary: 'List the pools that files can be kept in, and what is in them.',
  usage: '',
  flags: {},
  examples: ['longshore pools', 'longshore pools --json'],
  run: async (context, given) => {
    requireWords(given, { most: 0 }, '')
    const client = await context.client()
    const [all, usage] = await Promise.all([client.pools.list(), client.usage()])
    const views = all.map((pool) => ({ ...pool, usage: usage.pools.find(({ poolId }) => poolId === pool.id) ?? null }))
    if (context.json) context.terminal.print(JSON.stringify(views))
    const rows = views.map((pool) => [
      pool.id,
      String(pool.usage?.filesCount ?? 0),
      formatBytes(pool.usage?.usedBytes ?? 0),
      pool.disabled ? 'disabled' : pool.isDefault ? 'default' : '',
      pool.name,
    ])
    if (!context.json) {
      for (const line of formatTable(['ID', 'FILES', 'SIZE', '', 'NAME'], rows)) context.terminal.print(line)
    }
    return undefined
  },
}

export const migrate: Command = {
  name: 'migrate',
  summary: 'Move what lies in one pool to another one.',
  usage: '--from ID --to ID',
  details:
    'Each file is copied, checked and changed over by itself, so it can be stopped and repeated at any time. The other way round is the way back.',
  flags: {
    from: { type: 'string', value: 'ID', help: 'The pool to empty.' },
    to: { type: 'string', value: 'ID', help: 'The pool to fill.' },
    name: { type: 'string', value: 'NAME', help: 'Only files called so; "*" and "?" are for any characters.' },
    'all-accounts': { type: 'boolean', help: "Everybody's files; for administrators." },
    concurrency: { type: 'string', value: 'N', help: 'Files at once, up to 32 (4).' },
    rate: { type: 'string', value: 'SIZE', help: 'Bytes in a second at most, such as 50M.' },
    'dry-run': { type: 'boolean', help: 'Only say how much there is.' },
    detach: { type: 'boolean', short: 'd', help: 'Do not wait for its end; print the id of the task.' },
  },
  examples: [
    'longshore migrate --from 550e8400-e29b-41d4-a716-446655440000 --to 9b2d6a1c-3f5e-4d80-8b7a-1c2d3e4f5a6b --dry-run',
    'longshore migrate --from 550e8400-e29b-41d4-a716-446655440000 --to 9b2d6a1c-3f5e-4d80-8b7a-1c2d3e4f5a6b --rate 50M',
  ],
  run: async (context, given) => {
    requireWords(given, { most: 0 }, '')
    const [sourcePoolId, targetPoolId] = [textOf(given, 'from'), textOf(given, 'to')]
    if (sourcePoolId === undefined || targetPoolId === undefined) throw new UsageError('--from and --to are needed')
    const client = await context.client()
    const name = textOf(given, 'name')
    const task = await client.tasks.create({
      type: 'StorageMigration',
      parameters: {
        sourcePoolId,
        targetPoolId,
        filter: name === undefined ? {} : { name },
        concurrency: countOf(textOf(given, 'concurrency'), 'concurrency'),
        bytesPerSecond: sizeOf(textOf(given, 'rate'), 'rate'),
        dryRun: given.flags['dry-run'] === true,
        ...(given.flags['all-accounts'] === true ? { allAccounts: true } : {}),
      },
    })
    if (given.flags['detach'] !== true) return followTask(context, client, task.taskId)
    context.terminal.print(context.json ? JSON.stringify(task) : task.taskId)
    return undefined
  },
}
