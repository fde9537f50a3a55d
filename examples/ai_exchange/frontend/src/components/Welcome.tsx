import { Link } from 'react-router-dom'
import { useSession } from '../auth/session'

/** An invitation for those who are not signed in. */
export function Welcome() {
  const { user, settled } = useSession()
  if (user || !settled) return null
  return (
    <section className="panel panel--tinted">
      <h2>Got something that works?</h2>
      <p>Reading is open to all. Members share resources and comment on them.</p>
      <Link className="button button--small" to="/register">
        Join the exchange
      </Link>
    </section>
  )
}
