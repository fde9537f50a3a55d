/** The list's filters, which live in the address so that a link or Back restores them. */
export const SORTS = ['newest', 'oldest', 'title', 'discussed'] as const
export type Sort = (typeof SORTS)[number]

export interface Filters {
  q: string
  kind: string
  tag: string
  author: string
  sort: Sort
  page: number
}

export const PAGE_SIZE = 12

export function parseFilters(query: URLSearchParams): Filters {
  const sort = query.get('sort')
  return {
    q: (query.get('q') ?? '').trim(),
    kind: (query.get('kind') ?? '').toUpperCase(),
    tag: query.get('tag') ?? '',
    author: query.get('author') ?? '',
    sort: SORTS.find((known) => known === sort) ?? 'newest',
    page: positive(query.get('page')),
  }
}

/** The shortest query string that means these filters: `""` or `"?…"`, defaults left out. */
export function toQuery(filters: Filters): string {
  const query = new URLSearchParams()
  if (filters.q) query.set('q', filters.q)
  if (filters.kind) query.set('kind', filters.kind)
  if (filters.tag) query.set('tag', filters.tag)
  if (filters.author) query.set('author', filters.author)
  if (filters.sort !== 'newest') query.set('sort', filters.sort)
  if (filters.page > 1) query.set('page', String(filters.page))
  const text = query.toString()
  return text && `?${text}`
}

/** The same filters as the API wants them. */
export function toApiQuery(filters: Filters): string {
  const query = new URLSearchParams(toQuery(filters))
  query.set('size', String(PAGE_SIZE))
  return `?${query}`
}

/** Filters after `change`; any change but that of the page itself leads back to page 1. */
export function withChange(filters: Filters, change: Partial<Filters>): Filters {
  return { ...filters, page: 1, ...change }
}

export function narrowed(filters: Filters): boolean {
  return Boolean(filters.q || filters.kind || filters.tag || filters.author)
}

function positive(text: string | null): number {
  const page = Number(text)
  return Number.isInteger(page) && page > 0 ? page : 1
}
