/** The signed token of this browser, kept until it expires or is refused. */
import type { Token } from './types'

const KEY = 'ai-exchange.token'

interface Kept {
  value: string
  expires_at: number
}

export function keepToken(token: Token, now = Date.now()): void {
  const kept: Kept = { value: token.access_token, expires_at: now + token.expires_in * 1000 }
  localStorage.setItem(KEY, JSON.stringify(kept))
}

export function dropToken(): void {
  localStorage.removeItem(KEY)
}

export function readToken(now = Date.now()): string | null {
  const text = localStorage.getItem(KEY)
  if (!text) return null
  try {
    const kept = JSON.parse(text) as Kept
    return kept.expires_at > now ? kept.value : null
  } catch {
    return null
  }
}
