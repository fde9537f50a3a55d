import { Link } from 'react-router-dom'
import type { TagCount } from '../api/types'
import { toQuery, withChange, type Filters } from '../lib/filters'
import { plural } from '../lib/format'

const SHOWN = 24

/** `tags` come with the most used first. */
export function TagCloud({ filters, tags }: { filters: Filters; tags: TagCount[] }) {
  if (tags.length === 0) return null
  const most = tags[0]?.count ?? 1
  const shown = tags.slice(0, SHOWN).sort((left, right) => left.name.localeCompare(right.name))
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
