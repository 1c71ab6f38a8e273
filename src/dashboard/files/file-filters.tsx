import { useEffect, useRef, useState } from 'react'
import type { BundleView } from '../../client/browser.ts'
import { Confirm } from '../parts/dialog.tsx'
import { Icon } from '../parts/icon.tsx'
import { useAction } from '../parts/notices.tsx'
import { go, useRoute, withQuery } from '../router.ts'
import { useSession } from '../session.ts'
import { BundleForm } from './bundle-form.tsx'

/** What the list is narrowed to; it stands in the address. */
export function FileFilters({ bundles, onChanged }: { bundles: readonly BundleView[]; onChanged: () => void }) {
  const route = useRoute()
  const [isMaking, setMaking] = useState(false)
  const isTrash = route.query.get('trash') !== null
  const tag = route.query.get('tag')
  const narrow = (changes: Record<string, string | undefined>) =>
    go(withQuery(route, { ...changes, page: undefined }), { replace: true })
  return (
    <div className="filters">
      <Search onSearch={(q) => narrow({ q: q || undefined })} initial={route.query.get('q') ?? ''} />
      {!isTrash && (
        <label className="inline-field">
          <span>Bundle</span>
          <select
            value={route.query.get('bundle') ?? ''}
            onChange={(event) => narrow({ bundle: event.target.value || undefined })}
          >
            <option value="">All files</option>
            <option value="none">In no bundle</option>
            {bundles.map(({ id, name, filesCount }) => (
              <option key={id} value={id}>
                {name} ({filesCount})
              </option>
            ))}
          </select>
        </label>
      )}
      {tag !== null && (
        <button
          type="button"
          className="tag"
          onClick={() => narrow({ tag: undefined })}
          aria-label={`Tag ${tag}: show all tags`}
        >
          {tag} <Icon name="close" />
        </button>
      )}
      <span className="spring" />
      {isTrash ? (
        <>
          <EmptyTrash onEmptied={onChanged} />
          <a className="button small" href="#/files">
            Back to the files
          </a>
        </>
      ) : (
        <>
          <button type="button" className="button small" onClick={() => setMaking(true)}>
            <Icon name="plus" /> New bundle
          </button>
          <a className="button small" href="#/files?trash=1">
            <Icon name="trash" /> Trash
          </a>
        </>
      )}
      {isMaking && <BundleForm onClose={() => setMaking(false)} onMade={onChanged} />}
    </div>
  )
}

function Search({ initial, onSearch }: { initial: string; onSearch: (text: string) => void }) {
  const [text, setText] = useState(initial)
  const isFirst = useRef(true)
  const latest = useRef(onSearch)
  latest.current = onSearch
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false
      return
    }
    const timer = setTimeout(() => latest.current(text.trim()), 250)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <label className="search">
      <Icon name="search" />
      <span className="hidden">Search by name; * stands for any characters</span>
      <input
        type="search"
        placeholder="Search by name"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </label>
  )
}

function EmptyTrash({ onEmptied }: { onEmptied: () => void }) {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const [isAsking, setAsking] = useState(false)
  const empty = async (): Promise<void> => {
    if (await act(() => client.files.emptyTrash(), 'The trash is empty.')) onEmptied()
  }
  return (
    <>
      <button type="button" className="button small danger" disabled={isBusy} onClick={() => setAsking(true)}>
        Empty the trash
      </button>
      {isAsking && (
        <Confirm
          title="Empty the trash?"
          text="All files in it are removed for good."
          button="Remove them"
          onConfirm={() => void empty()}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  )
}
