import { useAction } from '../parts/notices.tsx'
import { useSession } from '../session.ts'

/** Leads to the board of the queues, which a browser must have been opened to first: to navigate there brings no token. */
export function BoardLink() {
  const { client } = useSession()
  const { act, isBusy } = useAction()
  const open = async (): Promise<void> => {
    const { path } = await client.admin.openQueueBoard()
    window.location.assign(path)
  }
  return (
    <a
      className="button"
      href="/admin/queues/"
      aria-disabled={isBusy}
      onClick={(event) => {
        event.preventDefault()
        if (!isBusy) void act(open)
      }}
    >
      Open bull-board
    </a>
  )
}
