import { go, useRoute, withQuery } from '../router.ts'

/** Which page of a list is shown, and the ways to the others. The page is part of the address. */
export function Pager({ total, perPage, text }: { total: number; perPage: number; text: string }) {
  const route = useRoute()
  const page = Math.max(1, Number(route.query.get('page') ?? 1))
  const pages = Math.max(1, Math.ceil(total / perPage))
  const to = (number: number) => () => go(withQuery(route, { page: number === 1 ? undefined : String(number) }))
  return (
    <footer className="pager">
      <span className="muted">{text}</span>
      {pages > 1 && (
        <nav aria-label="Pages of the list">
          <button type="button" className="button small" disabled={page <= 1} onClick={to(page - 1)}>
            Previous
          </button>
          <span>
            {page} of {pages}
          </span>
          <button type="button" className="button small" disabled={page >= pages} onClick={to(page + 1)}>
            Next
          </button>
        </nav>
      )}
    </footer>
  )
}
