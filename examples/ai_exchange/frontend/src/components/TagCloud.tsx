import { Link } from 'react-router-dom'
import { api } from '../api/api'
import { toQuery, withChange, type Filters } from '../lib/filters'
import { plural } from '../lib/format'
import { useLoad } from '../lib/useLoad'

const SHOWN = 24

export function TagCloud({ filters }: { filters: Filters }) {
  const { data } = useLoad('tags', api.tags)
  if (!data || data.length === 0) return null
  const most = data[0]?.count ?? 1
  const shown = data.slice(0, SHOWN).sort((left, right) => left.name.localeCompare(right.name))
  return (
    <section className="panel" aria-labelledby="tags-heading">
      <h2 id="tags-heading">Tags</h2>
      <ul className="cloud">
        {shown.map((tag) => (
          <li key={tag.name}>
            <Link
              className="tag"
              data-weight={weight(tag.count, most)}
              aria-current={filters.tag === tag.name ? 'true' : undefined}
              title={plural(tag.count, 'resource')}
              to={`/${toQuery(withChange(filters, { tag: filters.tag === tag.name ? '' : tag.name }))}`}
            >
              {tag.name}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  )
}

function weight(count: number, most: number): number {
  return most <= 1 ? 1 : 1 + Math.round((2 * (count - 1)) / (most - 1))
}
