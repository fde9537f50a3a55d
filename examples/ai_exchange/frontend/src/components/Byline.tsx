import type { Author } from '../api/types'
import { initials, parseTime, when } from '../lib/format'
import { useRoleLabel } from './meta'

export function Avatar({ name }: { name: string }) {
  return (
    <span className="avatar" data-tone={toneOf(name)} aria-hidden="true">
      {initials(name)}
    </span>
  )
}

export function Byline({ author }: { author: Author }) {
  const role = useRoleLabel(author.professional_role)
  return (
    <span className="byline">
      <Avatar name={author.full_name} />
      <span className="byline__text">
        <span className="byline__name">{author.full_name}</span>
        <span className="byline__role">{role}</span>
      </span>
    </span>
  )
}

export function When({ time }: { time: string }) {
  const date = parseTime(time)
  return (
    <time dateTime={date.toISOString()} title={date.toLocaleString()}>
      {when(time)}
    </time>
  )
}

const TONES = 6

// The same person has the same colour on every page and in every browser.
function toneOf(name: string): number {
  let sum = 0
  for (const letter of name) sum = (sum * 31 + letter.charCodeAt(0)) % 9973
  return sum % TONES
}
