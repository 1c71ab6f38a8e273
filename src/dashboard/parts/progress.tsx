/** How far something has got, from 0 to 100. Without a percentage it is not known how far. */
export function Progress({ percent, label, tone }: { percent: number | undefined; label: string; tone?: string }) {
  const known = percent === undefined ? {} : { 'aria-valuenow': Math.round(percent) }
  return (
    <div
      className={`progress ${tone ?? ''} ${percent === undefined ? 'unknown' : ''}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...known}
    >
      <div style={{ inlineSize: `${percent ?? 30}%` }} />
    </div>
  )
}
