import { Link } from 'react-router-dom'
import { toQuery, withChange, type Filters } from '../lib/filters'
import { Icon, kindIcon } from './Icon'
import { useMeta } from './meta'

/** The chips by kind, above a bar that shows each kind's share of the exchange. */
export function KindFilter({ filters }: { filters: Filters }) {
  const { data } = useMeta()
  if (!data) return <div className="kinds kinds--loading" aria-hidden="true" />
  const used = data.kinds.filter((kind) => kind.count > 0)
  return (
    <nav className="kinds" aria-label="Kinds of resources">
      <div className="shares" aria-hidden="true">
        {used.map((kind) => (
          <span
            key={kind.value}
            data-kind={kind.value}
            data-dim={Boolean(filters.kind) && filters.kind !== kind.value}
            style={{ flexGrow: kind.count }}
          />
        ))}
      </div>
      <ul className="chips">
        <li>
          <Chip filters={filters} kind="" label="All" count={data.resources} />
        </li>
        {data.kinds.map((kind) => (
          <li key={kind.value}>
            <Chip filters={filters} kind={kind.value} label={kind.label} count={kind.count} />
          </li>
        ))}
      </ul>
    </nav>
  )
}

function Chip(props: { filters: Filters; kind: string; label: string; count: number }) {
  const chosen = props.filters.kind === props.kind
  return (
    <Link
      className="chip"
      data-kind={props.kind || undefined}
      aria-current={chosen ? 'true' : undefined}
      to={`/${toQuery(withChange(props.filters, { kind: props.kind }))}`}
    >
      {props.kind && <Icon name={kindIcon(props.kind)} />}
      {props.label}
      <span className="chip__count">{props.count}</span>
    </Link>
  )
}
