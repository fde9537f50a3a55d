import { describe, expect, it } from 'vitest'
import { narrowed, parseFilters, toApiQuery, toQuery, withChange, type Filters } from './filters'

const none: Filters = { q: '', kind: '', tag: '', author: '', sort: 'newest', page: 1 }
const parse = (query: string) => parseFilters(new URLSearchParams(query))

describe('filters in the address', () => {
  it('reads an empty query as no filter', () => {
    expect(parse('')).toEqual(none)
  })

  it.each([
    'q=meeting+notes&kind=USE_CASE&tag=rag&author=3&sort=discussed&page=4',
    'tag=c%2B%2B',
    'q=50%25+%26+more',
    'page=2',
  ])('keeps %s through a round trip', (query) => {
    expect(toQuery(parse(query))).toBe(`?${query}`)
  })

  it('leaves defaults out of the address', () => {
    expect(toQuery(none)).toBe('')
    expect(toQuery(parse('page=1&sort=newest&q='))).toBe('')
  })

  it.each(['0', '-1', '1.5', 'two', ''])('takes page %j for page 1', (page) => {
    expect(parse(`page=${page}`).page).toBe(1)
  })

  it('takes an unknown order for the newest first', () => {
    expect(parse('sort=random').sort).toBe('newest')
  })

  it('always asks the API for a size', () => {
    expect(toApiQuery(none)).toBe('?size=12')
    expect(toApiQuery({ ...none, kind: 'TOOL', page: 2 })).toBe('?kind=TOOL&page=2&size=12')
  })
})

describe('changing filters', () => {
  it('leads back to page 1', () => {
    expect(withChange({ ...none, page: 5 }, { kind: 'TOOL' })).toEqual({ ...none, kind: 'TOOL' })
  })

  it('keeps the other filters when the page changes', () => {
    const before = { ...none, q: 'rag', tag: 'legal' }
    expect(withChange(before, { page: 3 })).toEqual({ ...before, page: 3 })
  })

  it('does not count order and page as narrowing', () => {
    expect(narrowed({ ...none, sort: 'title', page: 2 })).toBe(false)
    expect(narrowed({ ...none, author: '7' })).toBe(true)
  })
})
