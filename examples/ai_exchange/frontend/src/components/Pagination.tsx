import { Link } from 'react-router-dom'
import { pageWindow } from '../lib/pages'

interface Props {
  page: number
  pages: number
  href(page: number): string
}

export function Pagination({ page, pages, href }: Props) {
  if (pages <= 1) return null
  return (
    <nav className="pagination" aria-label="Pages">
      <Step label="Previous" to={page > 1 ? href(page - 1) : null} rel="prev" />
      <ol>
        {pageWindow(page, pages).map((number, index) => (
          <li key={number ?? `gap-${index}`}>
            {number === null ? (
              <span className="pagination__gap">…</span>
            ) : (
              <Link
                to={href(number)}
                aria-label={`Page ${number}`}
                aria-current={number === page ? 'page' : undefined}
              >
                {number}
              </Link>
            )}
          </li>
        ))}
      </ol>
      <Step label="Next" to={page < pages ? href(page + 1) : null} rel="next" />
    </nav>
  )
}

function Step({ label, to, rel }: { label: string; to: string | null; rel: string }) {
  if (to === null) return <span className="pagination__step" aria-disabled="true">{label}</span>
  return (
    <Link className="pagination__step" to={to} rel={rel}>
      {label}
    </Link>
  )
}
