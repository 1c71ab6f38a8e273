export type Series = { name: string; tone: string; points: readonly { minute: number; value: number }[] }

const minuteMs = 60_000
const minutesShown = 60
const height = 48

/** The last hour by the minute, as bars that stand on each other. What it shows is also told in words. */
export function Plot({
  title,
  series,
  unit,
}: {
  title: string
  series: readonly Series[]
  unit: (value: number) => string
}) {
  const now = Math.floor(Date.now() / minuteMs) * minuteMs
  const columns = Array.from({ length: minutesShown }, (_, index) => {
    const minute = now - (minutesShown - 1 - index) * minuteMs
    return series.map(({ points }) => points.find((point) => point.minute === minute)?.value ?? 0)
  })
  const most = Math.max(0, ...columns.map((values) => values.reduce((sum, value) => sum + value, 0)))
  const latest = columns.at(-1) ?? []
  const told = series.map(({ name }, index) => `${name}: ${unit(latest[index] ?? 0)} in the last minute`).join(', ')
  return (
    <figure className="plot">
      <figcaption>
        <span>{title}</span>
        <span className="muted">most: {unit(most)}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${minutesShown * 4} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}, last hour. ${told}. Most in a minute: ${unit(most)}.`}
      >
        <path className="axis" d={`M0 ${height - 0.5}H${minutesShown * 4}`} />
        {columns.map((values, index) => (
          <Column key={index} left={index * 4} values={values} tones={series.map(({ tone }) => tone)} most={most} />
        ))}
      </svg>
      <div className="plot-axis muted" aria-hidden="true">
        <span>1 h ago</span>
        <span>now</span>
      </div>
    </figure>
  )
}

type ColumnProps = { left: number; values: readonly number[]; tones: readonly string[]; most: number }

function Column({ left, values, tones, most }: ColumnProps) {
  let top = height - 1
  return values.map((value, index) => {
    if (value === 0 || most === 0) return null
    const tall = Math.max(1.5, (value / most) * (height - 3))
    top -= tall
    return <rect key={tones[index]} className={tones[index]} x={left + 0.5} y={top} width={3} height={tall} />
  })
}
