/** Every call that the pages make, by name. */
import { apiOrigin } from '../settings'
import { createClient } from './client'
import { dropToken, readToken } from './token'
import type {
  Comment,
  Meta,
  Page,
  Registration,
  Resource,
  ResourceDraft,
  TagCount,
  Token,
  User,
} from './types'

export const SESSION_ENDED = 'ai-exchange:session-ended'

const send = createClient(apiOrigin, {
  token: readToken,
  rejected() {
    dropToken()
    window.dispatchEvent(new Event(SESSION_ENDED))
  },
})

type Id = string | number

export const api = {
  register: (form: Registration) => send<User>('/api/auth/register', { method: 'POST', body: form }),
  login: (email: string, password: string) =>
    send<Token>('/api/auth/login', { method: 'POST', body: { email, password } }),
  me: (signal?: AbortSignal) => send<User>('/api/auth/me', { signal }),
  updateMe: (changes: Partial<Pick<User, 'full_name' | 'professional_role'>>) =>
    send<User>('/api/auth/me', { method: 'PATCH', body: changes }),
  meta: (signal?: AbortSignal) => send<Meta>('/api/meta', { signal }),
  tags: (signal?: AbortSignal) => send<TagCount[]>('/api/tags', { signal }),
  resources: (query: string, signal?: AbortSignal) =>
    send<Page<Resource>>(`/api/resources${query}`, { signal }),
  resource: (id: Id, signal?: AbortSignal) => send<Resource>(resourcePath(id), { signal }),
  createResource: (draft: ResourceDraft) =>
    send<Resource>('/api/resources', { method: 'POST', body: draft }),
  updateResource: (id: Id, draft: ResourceDraft) =>
    send<Resource>(resourcePath(id), { method: 'PATCH', body: draft }),
  deleteResource: (id: Id) => send<void>(resourcePath(id), { method: 'DELETE' }),
  comments: (id: Id, page: number, signal?: AbortSignal) =>
    send<Page<Comment>>(`${resourcePath(id)}/comments?page=${page}`, { signal }),
  createComment: (id: Id, body: string) =>
    send<Comment>(`${resourcePath(id)}/comments`, { method: 'POST', body: { body } }),
  deleteComment: (id: Id) =>
    send<void>(`/api/comments/${encodeURIComponent(id)}`, { method: 'DELETE' }),
}

function resourcePath(id: Id): string {
  return `/api/resources/${encodeURIComponent(id)}`
}
