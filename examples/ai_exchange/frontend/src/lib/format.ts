const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

/** The API's times are UTC; one without an offset is read as UTC, not as local time. */
export function parseTime(text: string): Date {
  return new Date(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`)
}

/** "today", "3 days ago", or the date when it is older than a fortnight. */
export function when(text: string, now = new Date()): string {
  const time = parseTime(text)
  const days = Math.floor((now.getTime() - time.getTime()) / 86_400_000)
  if (days < 1) return 'today'
  if (days === 1) return 'yesterday'
  return days <= 14 ? `${days} days ago` : DATE.format(time)
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

/** "USE_CASE" → "Use case": what an enum's name says when its label is not at hand. */
export function humanise(name: string): string {
  const words = name.replaceAll('_', ' ').toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/)
  const last = words.length > 1 ? words[words.length - 1] : ''
  return `${words[0]?.charAt(0) ?? ''}${last?.charAt(0) ?? ''}`.toUpperCase()
}

/** Read "one, Two ,two" as the tags ["one", "two"]. */
export function parseTags(text: string): string[] {
  const names = text.split(',').map((name) => name.trim().replace(/^#/, '').toLowerCase())
  return [...new Set(names.filter(Boolean))]
}

export function hostOf(url: string): string {
  try {
    return new URL(url).host.replace(/^www\./, '')
  } catch {
    return url
  }
}
