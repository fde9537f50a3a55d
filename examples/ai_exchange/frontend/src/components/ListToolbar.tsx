import { Link, useNavigate } from 'react-router-dom'
import type { Page, Resource } from '../api/types'
import { SORTS, toQuery, withChange, type Filters, type Sort } from '../lib/filters'
import { plural } from '../lib/format'
import type { Loaded } from '../lib/useLoad'
import { Icon } from './Icon'

const SORT_LABELS: Record<Sort, string> = {
  newest: 'Newest first',
  oldest: 'Oldest first',
  title: 'By title',
  discussed: 'Most discussed',
}

interface Props {
  filters: Filters
  list: Loaded<Page<Resource>>
}

export function ListToolbar({ filters, list: { data, loading } }: Props) {
  const navigate = useNavigate()
  const author = data?.items[0]?.author.full_name ?? 'one author'
  return (
    <div className="toolbar">
      <p className="toolbar__count" aria-live="polite">
        {data && plural(data.total, 'resource')}
        {!data && loading && 'Loading…'}
      </p>
      <div className="toolbar__pills">
        {filters.q && <Pill filters={filters} drop={{ q: '' }} text={`“${filters.q}”`} />}
        {filters.tag && <Pill filters={filters} drop={{ tag: '' }} text={`#${filters.tag}`} />}
        {filters.author && <Pill filters={filters} drop={{ author: '' }} text={`by ${author}`} />}
      </div>
      <label className="toolbar__sort">
        <span className="visually-hidden">Order</span>
        <select
          value={filters.sort}
          onChange={(event) => {
            const sort = event.target.value as Sort
            navigate(`/${toQuery(withChange(filters, { sort }))}`)
          }}
        >
          {SORTS.map((sort) => (
            <option key={sort} value={sort}>
              {SORT_LABELS[sort]}
            </option>
          ))}
        </select>
      </label>
    </div>
  )
}

function Pill(props: { filters: Filters; drop: Partial<Filters>; text: string }) {
  return (
    <Link
      className="pill"
      to={`/${toQuery(withChange(props.filters, props.drop))}`}
      aria-label={`Remove the filter ${props.text}`}
    >
      {props.text}
      <Icon name="close" />
    </Link>
  )
}
