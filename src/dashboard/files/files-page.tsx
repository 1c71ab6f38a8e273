import { useCallback, useEffect, useState } from 'react'
import type { FileView } from '../../client/browser.ts'
import { type Asked, useAsk, useSoon } from '../ask.ts'
import { plural } from '../format.ts'
import { useLive } from '../use-live.ts'
import { Empty, Failure, Loading } from '../parts/states.tsx'
import { Pager } from '../parts/pager.tsx'
import { type Route, useRoute } from '../router.ts'
import { type Session, useSession } from '../session.ts'
import { FileFilters } from './file-filters.tsx'
import { FileTable } from './file-table.tsx'
import { SelectionBar } from './selection-bar.tsx'
import { Unfinished } from './unfinished.tsx'
import { UploadArea } from './upload-area.tsx'
import { useUploads } from './upload-list.ts'
import { UploadRows } from './upload-rows.tsx'

const filesPerPage = 50
const sorts = ['name', 'size', 'createdAt', 'updatedAt', 'deletedAt'] as const

/** Files: putting them up, finding them, and doing things with them. */
export function FilesPage() {
  const route = useRoute()
  const { client } = useSession()
  const { query } = route
  const { uploads } = useUploads()
  const isTrash = query.get('trash') !== null
  const files = useAsk(() => listFiles(client, route), [client, query.toString()])
  const bundles = useAsk(
    async () => (await client.bundles.list({ limit: 200, sortBy: 'name', sortDescending: false })).items,
    [client],
  )
  const [selected, setSelected] = useState<ReadonlyMap<string, FileView>>(new Map())
  const change = useCallback(() => {
    files.reload()
    bundles.reload()
  }, [files.reload, bundles.reload])
  useEffect(() => uploads.watchDone(change), [uploads, change])
  // What tasks make and move shows up by itself.
  const changeSoon = useSoon(500, change)
  useLive({ onEvent: ({ type }) => void (type === 'task.completed' && changeSoon()) })
  useEffect(() => setSelected(new Map()), [query.toString()])
  const bundleId = query.get('bundle') ?? ''
  return (
    <>
      <h1>{isTrash ? 'Trash' : 'Files'}</h1>
      {!isTrash && (
        <>
          <UploadArea target={bundleId === '' || bundleId === 'none' ? {} : { bundleId }} />
          <UploadRows />
          <Unfinished />
        </>
      )}
      <section className="panel" aria-label={isTrash ? 'Files in the trash' : 'All files'}>
        <FileFilters bundles={bundles.answer ?? []} onChanged={change} />
        <SelectionBar
          files={[...selected.values()]}
          bundles={bundles.answer ?? []}
          isTrash={isTrash}
          onClear={() => setSelected(new Map())}
          onChanged={() => {
            setSelected(new Map())
            change()
          }}
        />
        <Found files={files} isTrash={isTrash}>
          {(found) => (
            <FileTable
              files={found}
              bundles={bundles.answer ?? []}
              isTrash={isTrash}
              selected={selected}
              onSelect={setSelected}
              onChanged={change}
            />
          )}
        </Found>
      </section>
    </>
  )
}

type FoundProps = {
  files: Asked<{ items: FileView[]; total: number }>
  isTrash: boolean
  children: (files: FileView[]) => React.ReactNode
}

function Found({ files: { answer, error, reload }, isTrash, children }: FoundProps) {
  const { query } = useRoute()
  if (error !== undefined && answer === undefined) return <Failure error={error} onRetry={reload} />
  if (answer === undefined) return <Loading rows={6} label="Loading files" />
  const isFiltered = query.get('q') !== null || query.get('bundle') !== null || query.get('tag') !== null
  if (answer.total === 0) {
    if (isFiltered)
      return (
        <Empty icon="search" title="Nothing fits">
          No file has all that you look for.
        </Empty>
      )
    if (isTrash) return <Empty icon="trash" title="The trash is empty" />
    return (
      <Empty icon="file" title="No files yet">
        Drop some above, and they appear here.
      </Empty>
    )
  }
  return (
    <>
      {children(answer.items)}
      <Pager total={answer.total} perPage={filesPerPage} text={plural(answer.total, 'file')} />
    </>
  )
}

function listFiles(client: Session['client'], { query }: Route) {
  const sortBy = sorts.find((one) => one === query.get('sort')) ?? 'createdAt'
  const name = query.get('q')
  const isPattern = name !== null && /[*?]/.test(name)
  const bundleId = query.get('bundle')
  const tag = query.get('tag')
  return client.files.list({
    ...(name === null ? {} : { name: isPattern ? name : `*${name}*` }),
    ...(bundleId === null ? {} : { bundleId }),
    ...(tag === null ? {} : { tag }),
    trashed: query.get('trash') !== null,
    sortBy,
    sortDescending: query.get('order') !== 'up',
    limit: filesPerPage,
    offset: filesPerPage * Math.max(0, Number(query.get('page') ?? 1) - 1),
  })
}
