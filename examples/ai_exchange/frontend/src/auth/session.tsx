/** Who is signed in, for every component below. */
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'
import { api, SESSION_ENDED } from '../api/api'
import { dropToken, keepToken, readToken } from '../api/token'
import type { User } from '../api/types'

interface SessionValue {
  user: User | null
  /** False until it is known whether a kept token is still good. */
  settled: boolean
  signIn(email: string, password: string): Promise<void>
  signOut(): void
  replaceUser(user: User): void
}

const SessionContext = createContext<SessionValue | null>(null)

export function SessionProvider({ children }: { children: ReactNode }) {
  const [user, setUser] = useState<User | null>(null)
  const [settled, setSettled] = useState(() => readToken() === null)

  useEffect(() => {
    if (settled) return
    const aborter = new AbortController()
    api
      .me(aborter.signal)
      .then(setUser, () => undefined)
      .finally(() => {
        if (!aborter.signal.aborted) setSettled(true)
      })
    return () => aborter.abort()
  }, [settled])

  useEffect(() => {
    const forget = () => setUser(null)
    window.addEventListener(SESSION_ENDED, forget)
    return () => window.removeEventListener(SESSION_ENDED, forget)
  }, [])

  const signIn = useCallback(async (email: string, password: string) => {
    keepToken(await api.login(email, password))
    setUser(await api.me())
  }, [])
  const signOut = useCallback(() => {
    dropToken()
    setUser(null)
  }, [])

  const value = useMemo(
    () => ({ user, settled, signIn, signOut, replaceUser: setUser }),
    [user, settled, signIn, signOut],
  )
  return <SessionContext value={value}>{children}</SessionContext>
}

export function useSession(): SessionValue {
  const value = useContext(SessionContext)
  if (!value) throw new Error('useSession is used outside SessionProvider')
  return value
}
