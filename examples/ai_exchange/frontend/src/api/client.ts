import { ApiError, apiErrorFrom, unreachable } from './error'

export interface Request {
  method?: string
  body?: unknown
  signal?: AbortSignal
}

export interface Session {
  token(): string | null
  /** Called when the server no longer accepts the token. */
  rejected(): void
}

export type Send = <T>(path: string, request?: Request) => Promise<T>

/** Make the one function that talks to the API at `origin` as `session`. */
export function createClient(origin: string, session: Session): Send {
  return async function send<T>(path: string, request: Request = {}): Promise<T> {
    const token = session.token()
    const response = await answerOf(origin + path, request, token)
    if (response.status === 204) return undefined as T
    const answer = await jsonOf(response)
    if (response.ok) return answer as T
    if (response.status === 401 && token) session.rejected()
    throw apiErrorFrom(response.status, answer)
  }
}

async function answerOf(url: string, request: Request, token: string | null): Promise<Response> {
  const headers = new Headers({ Accept: 'application/json' })
  if (token) headers.set('Authorization', `Bearer ${token}`)
  if (request.body !== undefined) headers.set('Content-Type', 'application/json')
  try {
    return await fetch(url, {
      method: request.method ?? 'GET',
      headers,
      body: request.body === undefined ? null : JSON.stringify(request.body),
      signal: request.signal ?? null,
    })
  } catch (error) {
    if (request.signal?.aborted) throw error
    throw unreachable()
  }
}

async function jsonOf(response: Response): Promise<unknown> {
  if (response.headers.get('Content-Type')?.includes('json')) return response.json()
  if (!response.ok) return null
  throw new ApiError(response.status, 'The server answered with something that is not JSON.')
}
