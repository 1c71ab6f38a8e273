import { type DragEvent, useRef, useState } from 'react'
import { useSay } from '../parts/notices.tsx'
import { Icon } from '../parts/icon.tsx'
import { asError } from '../ask.ts'
import { droppedFiles, pickedFrom, type PickedFile } from './picked.ts'
import { useUploads } from './upload-list.ts'

/** Where files are dropped, or chosen. */
export function UploadArea({ target }: { target: { poolId?: string; bundleId?: string } }) {
  const { uploads } = useUploads()
  const say = useSay()
  const [isOver, setOver] = useState(false)
  const add = (files: PickedFile[]): void => {
    if (files.length === 0) say('There is no file in it.', 'problem')
    else uploads.add(files, target)
  }
  const drop = (event: DragEvent): void => {
    event.preventDefault()
    setOver(false)
    droppedFiles(event.dataTransfer).then(add, (error: unknown) => say(asError(error).message, 'problem'))
  }
  return (
    <section
      className={`drop ${isOver ? 'over' : ''}`}
      aria-label="Upload"
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <Icon name="upload" />
      <p>
        <strong>Drop files or folders here</strong>
        <span>They go up in parallel pieces, and go on where they were after a break.</span>
      </p>
      <Picker label="Choose files" isPrimary onPick={add} />
      <Picker label="Choose a folder" isFolder onPick={add} />
    </section>
  )
}

type PickerProps = {
  label: string
  isPrimary?: boolean
  isFolder?: boolean
  isSingle?: boolean
  onPick: (files: PickedFile[]) => void
}

/** A button that opens the system's own dialog. */
export function Picker({ label, isPrimary, isFolder, isSingle, onPick }: PickerProps) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button type="button" className={`button ${isPrimary ? 'primary' : ''}`} onClick={() => input.current?.click()}>
        {label}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        multiple={!isSingle}
        aria-label={label}
        {...(isFolder ? { webkitdirectory: '' } : {})}
        onChange={(event) => {
          onPick(pickedFrom(event.currentTarget.files))
          // The same file can be chosen again.
          event.currentTarget.value = ''
        }}
      />
    </>
  )
}
