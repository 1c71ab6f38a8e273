import type { FileFilter, FileView } from '../client/node.ts'
import { type Command, textOf } from './command.ts'
import { UsageError } from './exit.ts'
import { formatBytes, formatMoment, formatTable } from './format.ts'
import { countOf, requireWords } from './parse.ts'

const sorts = ['name', 'size', 'createdAt', 'updatedAt'] as const

export const ls: Command = {
  name: 'ls',
  summary: 'List files.',
  usage: '[NAME]',
  details: 'The newest first. NAME may have "*" and "?".',
  flags: {
    bundle: { type: 'string', value: 'ID', help: 'Those of this bundle; "none": those in no bundle.' },
    tag: { type: 'string', value: 'TAG', help: 'Those with this tag.' },
    type: { type: 'string', value: 'TYPE', help: 'Those of this media type, such as image/*.' },
    trash: { type: 'boolean', help: 'Those in the trash.' },
    sort: { type: 'string', value: 'FIELD', choices: sorts, help: 'By what: name, size, createdAt or updatedAt.' },
    limit: { type: 'string', value: 'N', help: 'So many at most (50).' },
    all: { type: 'boolean', help: 'All of them.' },
  },
  examples: ['longshore ls', "longshore ls '*.pdf' --sort size", 'longshore ls --all --json | jq length'],
  run: async (context, given) => {
    requireWords(given, { most: 1 }, '')
    const client = await context.client()
    const sortBy = sorts.find((sort) => sort === (textOf(given, 'sort') ?? 'createdAt'))
    if (sortBy === undefined) throw new UsageError(`--sort must be one of ${sorts.join(', ')}`)
    const filter: FileFilter = {
      sortBy,
      sortDescending: sortBy !== 'name',
      name: given.positionals[0],
      trashed: given.flags['trash'] === true,
      bundleId: textOf(given, 'bundle'),
      tag: textOf(given, 'tag'),
      contentType: textOf(given, 'type'),
    }
    const most =
      given.flags['all'] === true ? Number.POSITIVE_INFINITY : (countOf(textOf(given, 'limit'), 'limit') ?? 50)
    const { total } = await client.files.list({ ...filter, limit: 1 })
    const files: FileView[] = []
    for await (const file of client.files.each({ ...filter, limit: Math.min(most, 200) })) {
      if (files.push(file) >= most) break
    }
    if (context.json) context.terminal.print(JSON.stringify(files))
    else printFiles(context.terminal.print, files)
    if (files.length < total) context.terminal.note(`${files.length} of ${total}; --all lists all.`)
    return undefined
  },
}

export const rm: Command = {
  name: 'rm',
  summary: 'Put files into the trash, or remove them for good.',
  usage: 'ID…',
  flags: {
    permanent: { type: 'boolean', help: 'For good, and not into the trash.' },
    'empty-trash': { type: 'boolean', help: 'Remove for good what is in the trash.' },
  },
  examples: [
    'longshore rm 550e8400-e29b-41d4-a716-446655440000',
    'longshore rm --permanent 550e8400-e29b-41d4-a716-446655440000',
    'longshore rm --empty-trash',
  ],
  run: async (context, given) => {
    const emptiesTrash = given.flags['empty-trash'] === true
    requireWords(given, emptiesTrash ? { most: 0 } : { least: 1 }, 'the id of a file')
    const client = await context.client()
    const isPermanent = given.flags['permanent'] === true
    for (const id of given.positionals) await (isPermanent ? client.files.purge(id) : client.files.delete(id))
    const removed = emptiesTrash ? await client.files.emptyTrash() : given.positionals.length
    if (context.json) context.terminal.print(JSON.stringify({ removed }))
    context.terminal.note(
      `${removed} ${removed === 1 ? 'file' : 'files'} ${isPermanent || emptiesTrash ? 'removed' : 'put into the trash'}.`,
    )
    return undefined
  },
}

function printFiles(print: (line: string) => void, files: readonly FileView[]): void {
  const rows = files.map(({ id, size, createdAt, name }) => [id, formatBytes(size), formatMoment(createdAt), name])
  for (const line of formatTable(['ID', 'SIZE', 'CREATED', 'NAME'], rows)) print(line)
}
