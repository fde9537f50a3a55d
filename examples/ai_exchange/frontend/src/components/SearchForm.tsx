import { useEffect, useState, type FormEvent } from 'react'
import { useLocation, useNavigate } from 'react-router-dom'
import { parseFilters, toQuery, withChange } from '../lib/filters'
import { Icon } from './Icon'

/** Searches within the kind and tag that the list shows; from another page, within all. */
export function SearchForm() {
  const { pathname, search } = useLocation()
  const navigate = useNavigate()
  const filters = parseFilters(new URLSearchParams(pathname === '/' ? search : ''))
  const [text, setText] = useState(filters.q)
  useEffect(() => setText(filters.q), [filters.q])

  function submit(event: FormEvent) {
    event.preventDefault()
    navigate(`/${toQuery(withChange(filters, { q: text.trim() }))}`)
  }
  return (
    <form className="search" role="search" onSubmit={submit}>
      <Icon name="search" />
      <input
        type="search"
        name="q"
        aria-label="Search resources"
        placeholder="Search prompts, tools, papers…"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </form>
  )
}
