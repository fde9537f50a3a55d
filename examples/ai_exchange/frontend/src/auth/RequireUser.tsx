import type { ReactNode } from 'react'
import { Navigate, useLocation } from 'react-router-dom'
import { Skeleton } from '../components/Skeleton'
import { useSession } from './session'

/** Show `children` to members; lead others to the sign-in page and back afterwards. */
export function RequireUser({ children }: { children: ReactNode }) {
  const { user, settled } = useSession()
  const location = useLocation()
  if (!settled) return <Skeleton lines={6} />
  if (user) return children
  const next = location.pathname + location.search
  return <Navigate to={`/login?next=${encodeURIComponent(next)}`} replace />
}
