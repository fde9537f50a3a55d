import { Link, useLocation } from 'react-router-dom'
import { api } from '../api/api'
import type { Page, Resource } from '../api/types'
import { Hero } from '../components/Hero'
import { KindFilter } from '../components/KindFilter'
import { ListToolbar } from '../components/ListToolbar'
import { useMeta } from '../components/meta'
import { LoadFailed, Notice } from '../components/Notice'
import { Pagination } from '../components/Pagination'
import { ResourceCard } from '../components/ResourceCard'
import { CardSkeletons } from '../components/Skeleton'
import { TagCloud } from '../components/TagCloud'
import { Welcome } from '../components/Welcome'
import { narrowed, parseFilters, toApiQuery, toQuery, withChange, type Filters } from '../lib/filters'
import { humanise } from '../lib/format'
import { useLoad, type Loaded } from '../lib/useLoad'
import { useTitle } from '../lib/useTitle'

export function ListPage() {
  const filters = parseFilters(new URLSearchParams(useLocation().search))
  const query = toApiQuery(filters)
  const list = useLoad(query, (signal) => api.resources(query, signal))
  const tags = useLoad('tags', api.tags)
  const meta = useMeta()
  useTitle(titleOf(filters))
  // What failed together is tried again together.
  const retry = () => [list, tags, meta].forEach((part) => part.error && part.reload())
  return (
    <>
      <Hero />
      <KindFilter filters={filters} />
      <div className="columns">
        <div className="columns__main">
          <ListToolbar filters={filters} list={list} />
          <Results filters={filters} list={list} retry={retry} />
        </div>
        <aside className="columns__side">
          <TagCloud filters={filters} tags={tags.data ?? []} />
          <Welcome />
        </aside>
      </div>
    </>
  )
}

interface ResultsProps {
  filters: Filters
  list: Loaded<Page<Resource>>
  retry(): void
}

function Results({ filters, list, retry }: ResultsProps) {
  if (list.error) return <LoadFailed error={list.error} retry={retry} />
  if (!list.data) return <CardSkeletons count={6} />
  if (list.data.items.length === 0) return <Nothing filters={filters} page={list.data} />
  return (
    <div className="results" aria-busy={list.loading}>
      <div className="cards">
        {list.data.items.map((resource) => (
          <ResourceCard key={resource.id} resource={resource} />
        ))}
      </div>
      <Pagination
        page={filters.page}
        pages={list.data.pages}
        href={(page) => `/${toQuery(withChange(filters, { page }))}`}
      />
    </div>
  )
}

function Nothing({ filters, page }: { filters: Filters; page: Page<Resource> }) {
  if (page.total > 0) {
    return (
      <Notice title="There are not that many pages" icon="empty">
        <Link className="button" to={`/${toQuery(withChange(filters, {}))}`}>
          Go to page 1
        </Link>
      </Notice>
    )
  }
  if (narrowed(filters)) {
    return (
      <Notice title="Nothing matches" icon="search">
        <p>Try fewer words, or another kind. Or be the one who shares it.</p>
        <Link className="button button--quiet" to="/">
          Show everything
        </Link>
      </Notice>
    )
  }
  return (
    <Notice title="Nothing shared yet" icon="empty">
      <p>The first prompt, tool or paper can be yours.</p>
      <Link className="button" to="/new">
        Share a resource
      </Link>
    </Notice>
  )
}

function titleOf(filters: Filters): string | undefined {
  if (filters.q) return `“${filters.q}”`
  if (filters.tag) return `#${filters.tag}`
  return filters.kind ? humanise(filters.kind) : undefined
}
