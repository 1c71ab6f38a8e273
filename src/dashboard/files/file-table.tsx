import type { BundleView, FileView } from '../../client/browser.ts'
import { bytes, fullMoment, moment } from '../format.ts'
import { Icon } from '../parts/icon.tsx'
import { go, useRoute, withQuery } from '../router.ts'
import { FileButtons } from './file-buttons.tsx'

type Props = {
  files: readonly FileView[]
  bundles: readonly BundleView[]
  isTrash: boolean
  selected: ReadonlyMap<string, FileView>
  onSelect: (selected: ReadonlyMap<string, FileView>) => void
  onChanged: () => void
}

/** A page of files. */
export function FileTable({ files, bundles, isTrash, selected, onSelect, onChanged }: Props) {
  const toggle = (file: FileView): void => {
    const changed = new Map(selected)
    if (!changed.delete(file.id)) changed.set(file.id, file)
    onSelect(changed)
  }
  const names = new Map(bundles.map(({ id, name }) => [id, name]))
  return (
    <div className="table files-table" role="table" aria-label="Files">
      <Head files={files} isTrash={isTrash} selected={selected} onSelect={onSelect} />
      {files.map((file) => (
        <div key={file.id} className={`row ${selected.has(file.id) ? 'selected' : ''}`} role="row">
          <span role="cell">
            <input
              type="checkbox"
              aria-label={`Select ${file.name}`}
              checked={selected.has(file.id)}
              onChange={() => toggle(file)}
            />
          </span>
          <span role="cell" className="file-name">
            <FileName file={file} bundle={file.bundleId === null ? undefined : names.get(file.bundleId)} />
          </span>
          <span role="cell" className="number">
            {bytes(file.size)}
          </span>
          <span role="cell" className="wide muted ellipsis">
            {file.contentType}
          </span>
          <span role="cell" className="muted when" title={fullMoment(file.deletedAt ?? file.createdAt)}>
            {moment(file.deletedAt ?? file.createdAt)}
          </span>
          <span role="cell" className="buttons">
            <FileButtons file={file} isTrash={isTrash} onChanged={onChanged} />
          </span>
        </div>
      ))}
    </div>
  )
}

function Head({ files, isTrash, selected, onSelect }: Pick<Props, 'files' | 'isTrash' | 'selected' | 'onSelect'>) {
  const isAll = files.every(({ id }) => selected.has(id))
  return (
    <div className="row head" role="row">
      <span role="columnheader">
        <input
          type="checkbox"
          aria-label="Select all on this page"
          checked={isAll}
          onChange={() => onSelect(isAll ? new Map() : new Map(files.map((file) => [file.id, file])))}
        />
      </span>
      <Sorter column="name" title="Name" />
      <Sorter column="size" title="Size" isNumber />
      <span role="columnheader" className="wide">
        Type
      </span>
      <Sorter column={isTrash ? 'deletedAt' : 'createdAt'} title={isTrash ? 'Deleted' : 'Added'} isDefault={!isTrash} />
      <span role="columnheader" className="hidden">
        Actions
      </span>
    </div>
  )
}

function FileName({ file, bundle }: { file: FileView; bundle: string | undefined }) {
  const route = useRoute()
  return (
    <>
      <span className="ellipsis" title={file.name}>
        {file.name}
      </span>
      {bundle !== undefined && (
        <a className="tag bundle" href={withQuery(route, { bundle: file.bundleId ?? undefined, page: undefined })}>
          <Icon name="folder" /> {bundle}
        </a>
      )}
      {file.tags.map((tag) => (
        <a key={tag} className="tag" href={withQuery(route, { tag, page: undefined })}>
          {tag}
        </a>
      ))}
    </>
  )
}

type SorterProps = { column: string; title: string; isNumber?: boolean; isDefault?: boolean }

function Sorter({ column, title, isNumber, isDefault }: SorterProps) {
  const route = useRoute()
  const current = route.query.get('sort')
  const isCurrent = current === column || (current === null && isDefault === true)
  const isUp = route.query.get('order') === 'up'
  const sort = isCurrent ? (isUp ? 'ascending' : 'descending') : undefined
  const change = (): void =>
    go(withQuery(route, { sort: column, order: isCurrent && !isUp ? 'up' : undefined, page: undefined }), {
      replace: true,
    })
  return (
    <span role="columnheader" aria-sort={sort} className={isNumber ? 'number' : undefined}>
      <button type="button" className="sorter" onClick={change}>
        {title}
        {isCurrent && <Icon name={isUp ? 'up' : 'down'} />}
      </button>
    </span>
  )
}
