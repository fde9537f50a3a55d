import { useCallback, useEffect, useState } from 'react'
import { ApiError } from '../api/error'

export interface Loaded<T> {
  /** The last good answer; kept while the next one is under way. */
  data: T | null
  error: ApiError | null
  loading: boolean
  reload(): void
}

/** Load whenever `key` changes; an answer that comes after a newer question is dropped. */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [attempt, setAttempt] = useState(0)
  const [state, setState] = useState<Omit<Loaded<T>, 'reload'>>({
    data: null,
    error: null,
    loading: true,
  })
  useEffect(() => {
    const aborter = new AbortController()
    setState((before) => ({ ...before, error: null, loading: true }))
    load(aborter.signal).then(
      (data) => {
        if (!aborter.signal.aborted) setState({ data, error: null, loading: false })
      },
      (error: unknown) => {
        if (!aborter.signal.aborted) setState({ data: null, error: asApiError(error), loading: false })
      },
    )
    return () => aborter.abort()
    // `load` is a new closure at each render; `key` names everything that it depends on.
  }, [key, attempt])
  const reload = useCallback(() => setAttempt((count) => count + 1), [])
  return { ...state, reload }
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, String(error))
}
