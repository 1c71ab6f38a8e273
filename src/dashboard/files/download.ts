import type { Client, FileView } from '../../client/browser.ts'

type SavePicker = (options: { suggestedName: string }) => Promise<FileSystemFileHandle>
/** Up to so many bytes are gathered in memory where they cannot be written to the disk as they come. */
const largeBytes = 64 * 1024 * 1024

/**
 * Saves a file: what is large goes straight to the disk where the browser can do that. Each is checked against its hash. Throws
 * LongshoreError, and an AbortError when somebody thinks better of it.
 */
export async function saveFile(client: Client, file: FileView): Promise<void> {
  const name = file.name.split('/').at(-1) ?? file.name
  const picker = 'showSaveFilePicker' in window ? window.showSaveFilePicker : undefined
  if (file.size > largeBytes && typeof picker === 'function') {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the File System Access API, which TypeScript does not know
    const handle = await (picker as SavePicker).call(window, { suggestedName: name })
    const stream = await client.files.stream(file.id)
    return stream.pipeTo(await handle.createWritable())
  }
  const blob = await client.files.download(file.id)
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
