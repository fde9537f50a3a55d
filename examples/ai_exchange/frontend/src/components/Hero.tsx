import { Link } from 'react-router-dom'
import { useSession } from '../auth/session'
import { plural } from '../lib/format'
import { Icon } from './Icon'
import { useMeta } from './meta'

export function Hero() {
  const { data } = useMeta()
  const { user } = useSession()
  return (
    <section className="hero">
      <div>
        <h1>What works with AI, passed on.</h1>
        <p className="hero__line">
          {data ? (
            <>
              <strong>{plural(data.resources, 'resource')}</strong> from{' '}
              <strong>{plural(data.members, 'colleague')}</strong>: prompts, tools, policies, papers
              and honest use cases.
            </>
          ) : (
            'Prompts, tools, policies, papers and honest use cases.'
          )}
        </p>
      </div>
      <Link className="button" to={user ? '/new' : '/login?next=%2Fnew'}>
        <Icon name="plus" />
        Share a resource
      </Link>
    </section>
  )
}
