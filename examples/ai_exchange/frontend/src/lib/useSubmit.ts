import { useState, type FormEvent } from 'react'
import type { ApiError } from '../api/error'
import { asApiError } from './useLoad'

export interface Submission {
  busy: boolean
  error: ApiError | null
  submit(event: FormEvent): void
}

/** Run `act` on submit, once at a time, and keep what the server had to say against it. */
export function useSubmit(act: () => Promise<void>): Submission {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError | null>(null)
  async function run() {
    setBusy(true)
    setError(null)
    try {
      await act()
    } catch (failure) {
      setError(asApiError(failure))
    } finally {
      setBusy(false)
    }
  }
  function submit(event: FormEvent) {
    event.preventDefault()
    if (!busy) void run()
  }
  return { busy, error, submit }
}
