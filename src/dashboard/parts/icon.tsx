const paths = {
  upload: 'M8 10.5V2.5M4.5 6 8 2.5 11.5 6M2.5 10.5v3h11v-3',
  download: 'M8 2.5v8M4.5 7 8 10.5 11.5 7M2.5 10.5v3h11v-3',
  pause: 'M5.5 3v10M10.5 3v10',
  play: 'M4.5 2.8v10.4L13 8z',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  retry: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  trash: 'M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.7 9h6.6l.7-9',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.8 10.8 14 14',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3z',
  half: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 2v12',
  out: 'M6 2.5H2.5v11H6M6.5 8h7M10.5 5l3 3-3 3',
  check: 'M3 8.5 6.5 12 13 4.5',
  alert: 'M8 2 1.5 13.5h13zM8 6.5v3M8 11.5v.3',
  bolt: 'M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z',
  back: 'M9.5 3.5 5 8l4.5 4.5',
  folder: 'M1.5 4v9h13V5.5H8L6.5 4z',
  file: 'M3.5 1.5v13h9V5L9 1.5zM9 1.5V5h3.5',
  edit: 'M2.5 13.5l.6-3L11 2.6l2.4 2.4-7.9 7.9z',
  plus: 'M8 3v10M3 8h10',
  undo: 'M6 3 2.5 6.5 6 10M2.5 6.5H10a3.5 3.5 0 0 1 0 7H6',
  up: 'M8 13V3.5M4 7.5l4-4 4 4',
  down: 'M8 3v9.5M4 8.5l4 4 4-4',
} as const

export type IconName = keyof typeof paths

/** A small drawing beside words, or within a button that has a label; it is never the only thing that says something. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}
