/** Grey lines where text is about to be. */
export function Skeleton({ lines }: { lines: number }) {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} className="skeleton__line" />
      ))}
    </div>
  )
}

export function CardSkeletons({ count }: { count: number }) {
  return (
    <div className="cards" role="status" aria-label="Loading resources">
      {Array.from({ length: count }, (_, card) => (
        <div key={card} className="card card--skeleton skeleton">
          <span className="skeleton__line" />
          <span className="skeleton__line" />
          <span className="skeleton__line" />
          <span className="skeleton__line" />
        </div>
      ))}
    </div>
  )
}
