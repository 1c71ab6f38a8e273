import { useEffect, useState } from 'react'
import type { UploadSummary } from '../../client/browser.ts'
import { useAsk } from '../ask.ts'
import { bytes, moment } from '../format.ts'
import { useLive } from '../use-live.ts'
import { Icon } from '../parts/icon.tsx'
import { useAction, useSay } from '../parts/notices.tsx'
import { Progress } from '../parts/progress.tsx'
import { useSession } from '../session.ts'
import type { PickedFile } from './picked.ts'
import { Picker } from './upload-area.tsx'
import { useUploads } from './upload-list.ts'

/** Uploads that the server still waits for and this tab does not send: of a tab that was closed, or of another program. */
export function Unfinished() {
  const { client } = useSession()
  const { uploads, items } = useUploads()
  const [progress, setProgress] = useState<ReadonlyMap<string, number>>(new Map())
  const { answer, reload } = useAsk(async () => {
    const [running, paused] = await Promise.all([
      client.uploads.list({ status: 'InProgress', limit: 50 }),
      client.uploads.list({ status: 'Paused', limit: 50 }),
    ])
    return [...running.items, ...paused.items]
  }, [client])
  useEffect(() => uploads.watchDone(reload), [uploads, reload])
  useLive({
    onEvent: ({ type, data }) => {
      if (type === 'upload.progress') setProgress((before) => new Map(before).set(data.taskId, data.progress))
      else if (type === 'upload.completed' || type === 'upload.failed' || isUploadEnd(type, data)) reload()
    },
  })
  const here = new Set(items.map(({ state }) => state?.taskId))
  const others = (answer ?? []).filter(({ taskId, phase }) => !here.has(taskId) && phase !== 'finishing')
  if (others.length === 0) return null
  return (
    <section className="panel" aria-labelledby="unfinished-title">
      <header>
        <h2 id="unfinished-title">Unfinished uploads</h2>
        <span className="muted">Choose the same file again, and only what is missing is sent.</span>
      </header>
      <ul className="uploads">
        {others.map((upload) => (
          <UnfinishedRow
            key={upload.taskId}
            upload={upload}
            percent={progress.get(upload.taskId) ?? upload.progress}
            onGone={reload}
          />
        ))}
      </ul>
    </section>
  )
}

type RowProps = { upload: UploadSummary; percent: number; onGone: () => void }

function UnfinishedRow({ upload, percent, onGone }: RowProps) {
  const { client } = useSession()
  const { uploads } = useUploads()
  const { act, isBusy } = useAction()
  const say = useSay()
  const { taskId, fileName, fileSize, poolId, bundleId, status, lastActivity } = upload
  const goOn = ([picked]: PickedFile[]): void => {
    if (picked === undefined) return
    if (picked.file.size !== fileSize) {
      say(
        `That is another file: ${fileName} has ${bytes(fileSize)}, and this one ${bytes(picked.file.size)}.`,
        'problem',
      )
      return
    }
    const bundle = bundleId === null ? {} : { bundleId }
    uploads.add([{ file: picked.file, name: fileName }], { poolId, ...bundle, taskId })
  }
  return (
    <li className="upload">
      <div className="upload-name">
        <span className="ellipsis" title={fileName}>
          {fileName}
        </span>
        <span className="muted">{bytes(fileSize)}</span>
      </div>
      <Progress percent={percent} label={`Upload of ${fileName}`} tone={status === 'Paused' ? 'off' : ''} />
      <div className="upload-facts muted">
        {Math.round(percent)} % is there · last heard of {moment(lastActivity)}
      </div>
      <div className="upload-buttons">
        <Picker label="Choose the file" isSingle onPick={goOn} />
        <button
          type="button"
          className="icon-button"
          aria-label={`Cancel ${fileName}`}
          title="Cancel"
          disabled={isBusy}
          onClick={() => void act(() => client.uploads.cancel(taskId)).then(onGone)}
        >
          <Icon name="close" />
        </button>
      </div>
    </li>
  )
}

function isUploadEnd(type: string, data: object): boolean {
  const isEnd =
    type === 'task.cancelled' || type === 'task.expired' || type === 'task.paused' || type === 'task.resumed'
  return isEnd && 'type' in data && data.type === 'FileUpload'
}
