import { Link } from 'react-router-dom'
import { Notice } from '../components/Notice'
import { useTitle } from '../lib/useTitle'

export function NotFoundPage() {
  useTitle('Not found')
  return (
    <Notice alone title="There is no such page" icon="empty">
      <Link className="button" to="/">
        See all resources
      </Link>
    </Notice>
  )
}
